"""SIGTERM unwinds as Ctrl-C does, and neither interrupts a clean-up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flakeproof.errors import ExitCode


def _is_ours() -> bool:
    """Outside of the main thread signals are not ours."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def termination_unwinds() -> Iterator[None]:
    """Let SIGTERM raise SystemExit, so that what was made is removed; a handler of the program around us stays."""
    if not _is_ours() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(int(ExitCode.TERMINATED))

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is leave:  # else somebody has had enough of signals
            signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Let SIGINT and SIGTERM wait until the end."""
    if not _is_ours():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before: dict[int, Any] = {}
    try:
        for awaited in (signal.SIGINT, signal.SIGTERM):
            before[awaited] = signal.signal(awaited, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    for first in came[:1]:
        signal.raise_signal(first)
