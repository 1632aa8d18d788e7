"""Why a run ends before its plan is fulfilled."""

from enum import StrEnum
from typing import TypeGuard

from flakeproof.errors import ExitCode


class Stop(StrEnum):
    """Why a run ends before its plan is fulfilled, in words for the summary."""

    DURATION = "the time given is over"
    FAILFAST = "stopped after the first failure"
    MAX_FAILURES = "stopped after the failures allowed"
    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    ANSWERED = "the question is answered"
    ALL_FAILED = "every test has failed once"
    SPENT = "the tests that may be spent have been"
    INTERFERED = "a test has interfered with flakeproof"
    """Then more was told than can be: as good as a lost trial."""
    GIVEN_UP = "no worker process could be started any more"


KILLED, RUNNING = "killed", "still running"
"""Why a record has no end."""
_BY_SIGNAL = {Stop.INTERRUPTED: ExitCode.INTERRUPTED, Stop.TERMINATED: ExitCode.TERMINATED}


def is_signal(stopped: str | None) -> TypeGuard[str]:
    """Whether a signal has ended the run; `stopped` is the reason in its summary, None for none."""
    return stopped in _BY_SIGNAL


def exit_code_of_signal(stopped: str | None) -> ExitCode | None:
    """The exit code of a run that a signal has ended, whatever it has found; None where none has."""
    return next((code for reason, code in _BY_SIGNAL.items() if reason == stopped), None)


class StoppedError(Exception):
    """A signal has ended one of several runs that belong together."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
