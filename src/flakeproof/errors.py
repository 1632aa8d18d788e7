"""Errors that a user sees, why a run ended early, and the exit codes that go with them."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum, StrEnum
from typing import TypeGuard


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


class Stop(StrEnum):
    """Why a run ends before its plan is fulfilled, in words for the summary."""

    DURATION = "the time given is over"
    FAILFAST = "stopped after the first failure"
    MAX_FAILURES = "stopped after the failures allowed"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    ANSWERED = "the question is answered"
    ALL_FAILED = "every test has failed once"
    SPENT = "the test budget (--count) is used up"
    INTERFERED = "a test has interfered with flakeproof"
    """Then more was told than can be: as good as a lost trial."""
    GIVEN_UP = "no worker process could be started any more"
    NO_NODES = "no node of the cluster is left"


KILLED, RUNNING = "killed", "still running"
"""Why a record has no end."""
_BY_SIGNAL = {Stop.INTERRUPTED: ExitCode.INTERRUPTED, Stop.TERMINATED: ExitCode.TERMINATED}


def is_signal(stopped: str | None) -> TypeGuard[str]:
    """Whether a signal has ended the run; `stopped` is the reason in its summary, None for none."""
    return stopped in _BY_SIGNAL


def exit_code_of_signal(stopped: str | None) -> ExitCode | None:
    """The exit code of a run that a signal has ended, whatever it has found; None where none has."""
    return next((code for reason, code in _BY_SIGNAL.items() if reason == stopped), None)


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


class BuildFailedError(CannotRunError):
    """A build did not succeed, so that what it would have made cannot be judged."""

    def __init__(self, arm: str, command: str, status: int, details: str = "") -> None:
        """`arm` was built with `command`, which ended with exit `status` (negative: the signal that ended it)."""
        ending = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
        super().__init__(f"the build of the {arm} failed ({ending}): {command}", "mend it, or the command", details)
        self.arm = arm
        self.command = command
        self.status = status


class NothingToRunError(FlakeproofError):
    """There is nothing to run or to look at."""

    exit_code = ExitCode.NOTHING


class StoppedError(Exception):
    """A signal has ended one of several runs that belong together."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@contextmanager
def about(arm: str) -> Iterator[None]:
    """Say of an error which arm of a comparison it is about."""
    try:
        yield
    except FlakeproofError as error:
        error.message = f"{arm}: {error.message}"
        if not isinstance(error, UsageError):
            error.remedy = error.remedy or "the target has to run in both arms"
        raise
