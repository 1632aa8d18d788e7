"""The steps in which a process whose time is over is ended: its stacks are dumped, it is asked to end, it is killed."""

from collections.abc import Callable
from enum import IntEnum


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
