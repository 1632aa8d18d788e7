"""Python stacks of a process that hangs or dies."""

import faulthandler
import os
import signal
import sys
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

DUMP_SIGNAL = signal.SIGRTMAX - 3
"""Asks a process of ours for its stacks. Test suites use SIGUSR1 and SIGUSR2; hardly one uses this."""

_TASKS_SHOWN = 20
_OWN_PACKAGE = __name__.partition(".")[0]


def prepare(descriptor: int) -> None:
    """Write all stacks to `descriptor` on DUMP_SIGNAL and on a fatal signal; a trial may exchange its stderr.

    The stacks of threads come from C code, whatever Python is doing. Those of asyncio's tasks follow if the
    interpreter still gets to run a signal handler.
    """
    signal.signal(DUMP_SIGNAL, partial(_write_tasks, descriptor))
    faulthandler.enable(descriptor)
    faulthandler.register(DUMP_SIGNAL, file=descriptor, all_threads=True, chain=True)


def stack_of(name: str, coroutine: Any) -> str:
    """Where a suspended or running coroutine stands, most recent first as faulthandler has it.

    It goes down to what is awaited; `asyncio.Task.get_stack` stops at the outermost coroutine.
    """
    places: list[str] = []
    awaited = coroutine
    while awaited is not None:
        frame: FrameType | None = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            break
        if not _is_ours(frame):
            places.append(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_name}')
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return "\n".join([f"Task {name} (most recent await first):", *reversed(places)])


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(_OWN_PACKAGE)


def _write_tasks(descriptor: int, signal_number: int, frame: FrameType | None) -> None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    with suppress(RuntimeError, OSError):  # no loop is running here; the descriptor is gone
        loop = asyncio.get_running_loop()
        tasks = sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))
        text = "\n".join(stack_of(task.get_name(), task.get_coro()) for task in tasks[:_TASKS_SHOWN])
        os.write(descriptor, f"\n{text}\n".encode(errors="backslashreplace"))
