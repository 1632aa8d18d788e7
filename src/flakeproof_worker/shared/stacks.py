"""Python stacks of a process that hangs or dies."""

import faulthandler
import signal
import sys
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

from flakeproof_worker.shared.private import os

DUMP_SIGNAL = signal.SIGRTMAX - 3
"""Asks a worker process for its stacks. Test suites use SIGUSR1 and SIGUSR2, but hardly ever this signal."""

LAST_RESORT_SIGNAL = signal.SIGRTMAX - 4
"""Asks for the stacks even if the interpreter cannot run a signal handler."""

_HEADING = "(most recent call first):"
_TASKS_SHOWN = 20
_OWN_PACKAGE = __name__.partition(".")[0]


def prepare(descriptor: int) -> None:
    """Write all stacks to `descriptor` on either signal and on a fatal one; not to stderr, which a trial may replace.

    On DUMP_SIGNAL the interpreter writes them between two instructions. On LAST_RESORT_SIGNAL they are written whatever
    it is doing, which can crash a process whose other threads are running: their stacks change meanwhile.
    """
    signal.signal(DUMP_SIGNAL, partial(_write_all, descriptor))
    faulthandler.enable(descriptor)
    faulthandler.register(LAST_RESORT_SIGNAL, file=descriptor, all_threads=True)


def are_in(output: str) -> bool:
    """Whether stacks have been written to `output`."""
    return _HEADING in output


def stack_of(name: str, coroutine: Any) -> str:
    """The stack of a suspended or running coroutine, most recent call first, in the form of faulthandler.

    It includes the awaited coroutines; `asyncio.Task.get_stack` stops at the outermost one.
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


def _write_all(descriptor: int, signal_number: int, frame: FrameType | None) -> None:
    with suppress(OSError):  # the descriptor is gone
        faulthandler.dump_traceback(descriptor, all_threads=True)
        _write_tasks(descriptor)


def _write_tasks(descriptor: int) -> None:
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return
    with suppress(RuntimeError):  # no loop is running here
        loop = asyncio.get_running_loop()
        tasks = sorted(asyncio.all_tasks(loop), key=lambda task: (len(task.get_name()), task.get_name()))
        text = "\n".join(stack_of(task.get_name(), task.get_coro()) for task in tasks[:_TASKS_SHOWN])
        os.write(descriptor, f"\n{text}\n".encode(errors="backslashreplace"))
