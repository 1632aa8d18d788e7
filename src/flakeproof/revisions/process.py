"""Programs that end with all they started when a signal comes, and clean-ups that no signal interrupts."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import IO, Any

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


_GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""


def run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    output: IO[bytes],
    errors: IO[bytes],
    limit: float | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> int:
    """Run `words` in `folder`; the exit status, negative for the signal that ended it.

    Both streams go to files: what the program leaves running cannot keep us waiting. Raises OSError if it cannot be
    started, subprocess.TimeoutExpired if it takes longer than `limit` seconds; then it has been ended.
    """
    with termination_unwinds():
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=dict(environment),
            stdin=stdin,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        try:
            return process.wait(limit)
        except BaseException:
            with held_back():
                _end(process)
            raise


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole process group, also where its leader has ended already."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
