"""Errors that a user sees, and the exit codes that go with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class ExitCode(IntEnum):
    """What the command's exit status means."""

    GOOD = 0
    """Nothing failed."""
    FAILURES = 1
    """Failures were found."""
    USAGE = 2
    """A wrong option, name or setting."""
    BROKEN = 3
    """flakeproof itself failed, or could not run the target at all."""
    INCONCLUSIVE = 4
    """Not enough evidence."""
    NOTHING = 5
    """There was nothing to run."""
    INTERRUPTED = 130
    """Interrupted (SIGINT): partial results were written."""
    TERMINATED = 143
    """Terminated (SIGTERM): partial results were written."""


class FlakeproofError(Exception):
    """An error with a message for the user: what was seen, and below it what to do (`remedy`)."""

    exit_code = ExitCode.BROKEN

    def __init__(self, message: str, remedy: str = "", details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.details = details


class UsageError(FlakeproofError):
    """The user asked for something that does not exist or does not fit together."""

    exit_code = ExitCode.USAGE


class CannotRunError(FlakeproofError):
    """The target could not be run at all, or flakeproof failed."""

    exit_code = ExitCode.BROKEN


class NothingToRunError(FlakeproofError):
    """There is nothing to run or to look at."""

    exit_code = ExitCode.NOTHING


@contextmanager
def about(arm: str) -> Iterator[None]:
    """Say of an error which arm of a comparison it is about."""
    try:
        yield
    except FlakeproofError as error:
        error.message = f"{arm}: {error.message}"
        error.remedy = error.remedy or "the target has to run in both arms"
        raise
