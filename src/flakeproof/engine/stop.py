"""Why a run ends before its plan is fulfilled."""

from enum import Enum


class Stop(Enum):
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
    GIVEN_UP = "no worker process could be started any more"


class StoppedError(Exception):
    """A signal has ended one of several runs that belong together."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
