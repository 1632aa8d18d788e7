"""What happens in a comparison, for everybody who wants to know; what happens in an arm is told by its own events."""

import msgspec

from flakeproof.events import Event
from flakeproof.features.compare.records import ComparisonSpec
from flakeproof.model import Record


class ComparisonStarted(Event, frozen=True, kw_only=True, tag="comparison-started"):
    """The comparison begins."""

    run_id: str
    at: str
    """Time of day, ISO 8601, UTC."""
    version: str
    spec: ComparisonSpec
    runs: list[str]
    """Run ids of the arms."""


class Side(Record, frozen=True, kw_only=True):
    """What one arm did in a pair."""

    passed: int = 0
    failed: int = 0
    other: int = 0
    """Trials without a result: skipped or lost."""
    signatures: dict[str, int] = msgspec.field(default_factory=dict)
    """Of the failures: trials in which each was seen."""


class PairEnded(Event, frozen=True, kw_only=True, tag="pair-ended"):
    """Both arms had a turn in one place: a trial or a block of them each."""

    pair: int
    place: int
    fix_first: bool
    base: Side
    fix: Side

    @property
    def is_clean(self) -> bool:
        """Whether everything passed."""
        return not (self.base.failed or self.base.other or self.fix.failed or self.fix.other)

    @property
    def disagrees(self) -> bool:
        """Whether one arm failed more often than the other, be it in one way only."""
        return (self.base.failed, self.base.signatures) != (self.fix.failed, self.fix.signatures)


class PairsClean(Event, frozen=True, kw_only=True, tag="pairs-clean"):
    """Pairs in which everything passed; so a log keeps them."""

    count: int
    trials: int
    """Of each arm."""


class ComparisonProgressed(Event, frozen=True, kw_only=True, tag="comparison-progressed"):
    """A regular look at the comparison; never logged."""

    elapsed: float
    """Seconds since both arms could run."""


class ComparisonEnded(Event, frozen=True, kw_only=True, tag="comparison-ended"):
    """The comparison is over."""

    elapsed: float
    stopped: str | None
    """Why it ended without an answer; None if it has one."""


AnyComparisonEvent = ComparisonStarted | PairEnded | PairsClean | ComparisonProgressed | ComparisonEnded
