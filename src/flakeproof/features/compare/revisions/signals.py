"""Every signal that ends things unwinds as Ctrl-C does, and none interrupts a clean-up."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from flakeproof.signals import ENDING, are_ours, leave


@contextmanager
def termination_unwinds() -> Iterator[None]:
    """Let signals that would end this process unwind it, so that what was made is removed; handlers around us stay."""
    if not are_ours():
        yield
        return

    def unwind(number: int, frame: FrameType | None) -> None:
        leave(number)

    handled = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]
    for number in handled:
        signal.signal(number, unwind)
    try:
        yield
    finally:
        for number in handled:
            if signal.getsignal(number) is unwind:  # else somebody has had enough of signals
                signal.signal(number, signal.SIG_DFL)


@contextmanager
def held_back() -> Iterator[None]:
    """Let signals that end things wait until the end."""
    if not are_ours():
        yield
        return
    came: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        came.append(number)

    before: dict[int, Any] = {}
    try:
        for awaited in ENDING:
            if signal.getsignal(awaited) is not signal.SIG_IGN:
                before[awaited] = signal.signal(awaited, note)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
    for first in came[:1]:
        signal.raise_signal(first)
