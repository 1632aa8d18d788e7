"""Make what a coroutine awaits take longer, while everything else in its event loop goes on.

A task that waits for a future is woken by a callback that the future schedules in the loop. If the coroutine waits at a
chosen line, that callback is delayed. asyncio's guarantees still hold: callbacks that are scheduled directly, the first
step of a task, and `asyncio.sleep(0)` keep their order. Only the wake-ups of waiting tasks change their order, as they
do whenever the awaited work takes longer.

Event loops that do not run their callbacks through `asyncio.Handle` (uvloop) are not affected.
"""

import asyncio
from asyncio import events
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from types import CodeType, FrameType
from typing import Any

_Task = asyncio.Task
_NAMES = {"task_wakeup", "__wakeup"}
"""Names of the method that wakes a task, in C and in Python."""


def task_woken_by(handle: Any) -> "asyncio.Task[Any] | None":
    """The task that `handle` (an `asyncio.Handle`) wakes when it runs; None if it does something else."""
    callback = handle._callback
    task = getattr(callback, "__self__", None)
    return task if isinstance(task, _Task) and getattr(callback, "__name__", "") in _NAMES else None


Place = tuple[str, int]
Awaits = Mapping[int, tuple[tuple[int, ...], Place]]


class Postponement:
    """Postpones wake-ups of tasks."""

    def __init__(
        self,
        awaits: Callable[[CodeType], Awaits],
        seconds: Callable[[Sequence[int], Place, Context], float],
    ) -> None:
        """`awaits` returns the chosen lines of a coroutine's code, called once; `seconds` draws the delay at a line."""
        self._awaits = awaits
        self._seconds = seconds
        self._known: dict[int, tuple[CodeType, Awaits]] = {}

    def install(self) -> None:
        """Make the event loops of this process postpone wake-ups."""
        original: Callable[[Any], Any] = events.Handle._run

        def run(handle: Any) -> Any:
            task = task_woken_by(handle)
            if task is not None:
                seconds = self._postponed(task, handle._context)
                if seconds > 0:
                    handle._loop.call_later(seconds, original, handle)
                    return None
            return original(handle)

        handles: Any = events.Handle
        handles._run = run

    def _postponed(self, task: "asyncio.Task[Any]", context: Context) -> float:
        seconds = 0.0
        awaited: Any = task.get_coro()
        while awaited is not None:
            frame: FrameType | None = _first(awaited, "cr_frame", "gi_frame", "ag_frame")
            if frame is None:
                break
            numbers_at = self._lines(frame.f_code)
            if numbers_at and frame.f_lineno in numbers_at:
                numbers, place = numbers_at[frame.f_lineno]
                seconds += self._seconds(numbers, place, context)
            awaited = _first(awaited, "cr_await", "gi_yieldfrom", "ag_await")
        return seconds

    def _lines(self, code: CodeType) -> Awaits:
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = code, self._awaits(code)
        return known[1]


def _first(owner: Any, *names: str) -> Any:
    for name in names:
        found = getattr(owner, name, None)
        if found is not None:
            return found
    return None
