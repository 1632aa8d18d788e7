"""How a process is ended when its time is over, and how it ends when flakeproof's own work in it has failed."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import NoReturn

from flakeproof_worker.shared.private import os


class Step(IntEnum):
    """How far the end of a process has come."""

    RUNNING = 0
    DUMPING = 1
    """It was asked for its stacks."""
    INSISTING = 2
    """It was asked for them in a way that no code can withstand."""
    TERMINATING = 3
    """It was asked to end (SIGTERM)."""
    KILLED = 4


def following(step: Step, *, writes_stacks: bool, has_written: Callable[[], bool]) -> Step:
    """The step after this one.

    | step | next |
    |---|---|
    | running | dumping if it writes stacks, else terminating |
    | dumping | insisting if it has not written them, else terminating |
    | insisting | terminating |
    | terminating, killed | killed |
    """
    if step is Step.RUNNING and writes_stacks:
        return Step.DUMPING
    if step is Step.DUMPING and not has_written():
        return Step.INSISTING
    return Step.TERMINATING if step < Step.TERMINATING else Step.KILLED


_exit = os._exit
"""The real one, should somebody have put another in its place: what ends here is no trial's doing."""
DISCONNECTED = 199
"""Exit status of a process that can no longer speak to the coordinator."""


def end_at_once(error: BaseException) -> NoReturn:
    """End this process because of `error`, whatever else runs in it."""
    if issubclass(type(error), OSError):  # `isinstance` would ask an exception of the user's what it is
        _exit(DISCONNECTED)  # the coordinator is gone, or a trial has closed descriptors that are not its own
    print_if_possible(error)
    _exit(1)


def end_copy(error: BaseException | None) -> NoReturn:
    """End a copy of a process that a trial has made with fork(2), as a program of its own would have ended."""
    status = 0
    if error is not None and issubclass(type(error), SystemExit):
        code = SystemExit.code.__get__(error)  # type: ignore[union-attr]  # past what the class may override
        status = int(code) if type(code) in (int, bool) else int(code is not None)
    elif error is not None:
        print_if_possible(error)
        status = 1
    _exit(status & 0xFF)


def print_if_possible(error: BaseException) -> None:
    """Print it, if it can be printed: its class may be the user's, and raise whenever it is asked anything."""
    with suppress(BaseException):
        traceback.print_exception(error)
