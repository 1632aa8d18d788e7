"""How a process is ended when it exceeds its time limit, and how it ends after an internal error of flakeproof."""

import traceback
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import NoReturn

from flakeproof_worker.shared.private import os


class Step(IntEnum):
    """How far the ending of a process has come."""

    RUNNING = 0
    DUMPING = 1
    """The process was asked for its stacks."""
    INSISTING = 2
    """The process was asked for its stacks by a signal that works even if the interpreter is blocked."""
    TERMINATING = 3
    """The process was asked to end (SIGTERM)."""
    KILLED = 4


def following(step: Step, *, writes_stacks: bool, has_written: Callable[[], bool]) -> Step:
    """The step that follows `step`.

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
"""The real function, not a replacement such as `culprit`'s: no trial causes the exits of this module."""
DISCONNECTED = 199
"""Exit status of a process that can no longer speak to the coordinator."""


def end_at_once(error: BaseException) -> NoReturn:
    """End this process because of `error`, whatever else runs in it."""
    if issubclass(type(error), OSError):  # `isinstance` may call code of a user's exception
        _exit(DISCONNECTED)  # the coordinator is gone, or a trial has closed descriptors that are not its own
    print_if_possible(error)
    _exit(1)


def end_copy(error: BaseException | None) -> NoReturn:
    """End a fork that a trial has made, with the exit status of a program that ends with `error`."""
    status = 0
    if error is not None and issubclass(type(error), SystemExit):
        code = SystemExit.code.__get__(error)  # type: ignore[union-attr]  # bypasses what the class may override
        status = int(code) if type(code) in (int, bool) else int(code is not None)
    elif error is not None:
        print_if_possible(error)
        status = 1
    _exit(status & 0xFF)


def print_if_possible(error: BaseException) -> None:
    """Print `error` if possible: its class may be the user's, and any access to it may raise."""
    with suppress(BaseException):
        traceback.print_exception(error)
