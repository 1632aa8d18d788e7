"""Tell the callback by which a future wakes the task that waits for it from every other callback of an event loop."""

import asyncio
from typing import Any

_Task = asyncio.Task
_NAMES = {"task_wakeup", "__wakeup"}
"""Of the method of a task that does so, in C and in Python."""


def task_woken_by(handle: Any) -> "asyncio.Task[Any] | None":
    """The task that running `handle` (an `asyncio.Handle`) wakes; None where it does something else."""
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    return task if isinstance(task, _Task) and getattr(callback, "__name__", "") in _NAMES else None
