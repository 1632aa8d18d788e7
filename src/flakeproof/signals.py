"""Signals that end a run: the first one ends it, others shorten the wait for trials, and none costs the reports.

A program that calls flakeproof keeps its handlers. The command line, whose process is ours, has handlers of its own
from its first to its last step (`protect`): before there are results a signal unwinds, as Ctrl-C does; from then on, or
once a first signal has come, another one is only noted.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flakeproof.errors import ExitCode

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
Handler = Callable[[int, FrameType | None], None]


class _State:
    """What has come so far."""

    first: int | None = None
    """The first signal that was to end what is being done."""
    protects = False
    has_results = False
    depth = 0


_state = _State()


def put_right() -> None:
    """Undo what we may have inherited: children that nobody can wait for, and signals that never arrive."""
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def protect() -> None:
    """Handle signals in this way until the process ends; one that we have been told to ignore (nohup) stays ignored."""
    _state.protects = True
    for number in ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _arrived)


def _arrived(number: int, frame: FrameType | None) -> None:
    is_first = _state.first is None
    note(number)
    if is_first and not _state.has_results:
        leave(number)


def leave(number: int) -> None:
    """Unwind because of this signal."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(int(ExitCode.TERMINATED))


def note(number: int) -> None:
    """Remember that it has come."""
    if _state.first is None:
        _state.first = number


def first() -> int | None:
    """The signal that came first, if one has."""
    return _state.first


def are_ours() -> bool:
    """Outside of the main thread signals are not ours."""
    return threading.current_thread() is threading.main_thread()


@contextmanager
def handled(handler: Handler) -> Iterator[None]:
    """Let `handler` have the signals that end things; afterwards there are results, which further ones do not cost."""
    if not are_ours():
        yield
        return
    before: dict[int, Any] = {}
    _state.depth += 1
    if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:  # nobody could tell how a worker process has ended
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number in ENDING:
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, handler)
    try:
        yield
    finally:
        _state.has_results = True
        for changed, old in before.items():
            signal.signal(changed, old if old is not None else signal.SIG_DFL)
        _state.depth -= 1
        if not _state.depth and not _state.protects:
            _state.first = None
            _state.has_results = False
