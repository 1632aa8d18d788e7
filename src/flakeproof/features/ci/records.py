"""The records of a reproduction: what was tried of a CI job, and what came out."""

from enum import StrEnum

import msgspec

from flakeproof.errors import ExitCode, exit_code_of_signal
from flakeproof.features.ci.case import Case, CaseFailure
from flakeproof.model import Record
from flakeproof.results.summary import RateInterval

SCHEMA_VERSION = 1


class CiVerdict(StrEnum):
    """What came of it."""

    REPRODUCED = "reproduced"
    BROKEN = "broken"
    """It fails always at that commit, also by itself: it is not flaky."""
    NOT_REPRODUCED = "not reproduced"
    INTERRUPTED = "interrupted"


def exit_code(verdict: CiVerdict, stopped: str | None) -> ExitCode:
    """1 for a failure that is reproduced, or that is always there; 4 for none; that of the signal that `stopped` it."""
    if (code := exit_code_of_signal(stopped)) is not None:
        return code
    return ExitCode.FAILURES if verdict in (CiVerdict.REPRODUCED, CiVerdict.BROKEN) else ExitCode.INCONCLUSIVE


class Rung(Record, frozen=True, kw_only=True):
    """One way in which the job was tried again."""

    name: str
    keeps: str
    """What it keeps from the job, in words."""
    attempts: int = 0
    failed: int = 0
    """As in CI."""
    otherwise: int = 0
    """The test failed in another way."""
    no_outcome: int = 0
    """The test did not come to run, or to its end."""
    other_messages: list[str] = msgspec.field(default_factory=list)
    """Of failures in another way."""
    interval: RateInterval | None = None
    """Of the rate of failures as in CI, among the attempts in which the test had an outcome."""
    seconds: float = 0.0
    skipped: str = ""
    """Why it was not tried."""

    @property
    def decided(self) -> int:
        """Attempts in which the test passed or failed."""
        return self.attempts - self.no_outcome


class CiReproduction(Record, frozen=True, kw_only=True):
    """Everything that was found out."""

    schema_version: int = SCHEMA_VERSION
    version: str
    case: Case
    failure: CaseFailure
    """The one that was looked for; its test is called as pytest collects it here."""
    verdict: CiVerdict
    rungs: list[Rung]
    command: str = ""
    """That fails as in CI; "" where none does."""
    rate: Rung | None = None
    """How often it does, with its interval."""
    history: list[str] = msgspec.field(default_factory=list)
    """The tests that have to run before, where it depends on others and they were found."""
    history_helps: bool = False
    """Whether it passes behind them and fails without, and not the other way round."""
    history_command: str = ""
    history_note: str = ""
    """How that came out, in words."""
    conditions: list[str] = msgspec.field(default_factory=list)
    """What of the job matters to it, and what does not, each with what was seen."""
    differences: list[str] = msgspec.field(default_factory=list)
    """In what the attempts were not as the job, and which could matter."""
    next_commands: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    attempts: int
    seconds: float
    first_failure: float | None = None
    """Seconds after which it failed as in CI for the first time; None where it was not reproduced."""
    exit_code: int
