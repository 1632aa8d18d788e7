"""The records that describe a comparison, and its events."""

from typing import Any

import msgspec

from flakeproof.events import Event
from flakeproof.model import Record, RunSpec


class ComparisonArm(Record, frozen=True, kw_only=True):
    """One side of the comparison."""

    name: str
    spec: RunSpec
    """How the trials of the arm run; each arm has its own seed."""
    revision: str = ""
    """The commit of the arm's code; "" for the working tree, or where revisions are not compared."""
    content: str = ""
    """Digest of the changes in the working tree, if the arm's code is from there."""


class ComparisonSpec(Record, frozen=True, kw_only=True):
    """A whole comparison: does the second arm fail less often than the first?"""

    arms: tuple[ComparisonArm, ComparisonArm]
    """The base, and the arm that should fail less often."""
    error: float
    """Largest probability that the verdict is wrong."""
    reduction: float
    """Smallest improvement that counts as a fix: the factor by which the odds of failing are reduced."""
    most_trials: int | None
    """Budget of trials of both arms together; None for no limit."""
    duration: float | None
    """Budget in seconds; None for no limit."""
    company: int
    """Trials of an arm that run at once in a place. If it is 1, the arms alternate after each trial, else in blocks.
    """
    places: int
    """How many pairs of processes take turns."""
    seed: int
    first_pair: int = 1
    """Number of the first pair; earlier pairs belong to the comparison that this one continues."""
    carried: int = 0
    """How many pairs of that comparison are taken over."""
    shard: tuple[int, int] | None = None
    """Which part of a comparison this is (from 1), and the number of parts; None for a whole comparison."""
    is_merged: bool = False
    """Whether its pairs come from several parts."""

    @property
    def same(self) -> dict[str, Any]:
        """What must be equal in another comparison that continues this one."""
        return {
            "arms": [(arm.name, arm.spec.target.name, arm.revision, arm.content) for arm in self.arms],
            "settings": [dict(arm.spec.target.settings) for arm in self.arms],
            "workers": self.company,
            "isolation": [arm.spec.isolation.value for arm in self.arms],
            "reduction": self.reduction,
        }


class ComparisonStarted(Event, frozen=True, kw_only=True, tag="comparison-started"):
    """The comparison begins."""

    run_id: str
    at: str
    """Time of day, ISO 8601, UTC."""
    version: str
    machine: str = ""
    """Name of the machine that ran the comparison."""
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
    """For each kind of failure, the number of trials in which it was seen."""


class PairEnded(Event, frozen=True, kw_only=True, tag="pair-ended"):
    """Both arms had a turn in one place: a trial, or a block of trials, each."""

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
        """Whether the arms differ in how often they failed, in all or in one kind of failure."""
        return (self.base.failed, self.base.signatures) != (self.fix.failed, self.fix.signatures)


class PairsClean(Event, frozen=True, kw_only=True, tag="pairs-clean"):
    """Several pairs in which everything passed, as one record of a log."""

    count: int
    trials: int
    """Trials of each arm."""


class ComparisonProgressed(Event, frozen=True, kw_only=True, tag="comparison-progressed"):
    """A regular report of progress; never logged."""

    elapsed: float
    """Seconds since both arms could run."""


class ComparisonEnded(Event, frozen=True, kw_only=True, tag="comparison-ended"):
    """The comparison is over."""

    elapsed: float
    stopped: str | None
    """Why it ended without an answer; None if it has one."""


AnyComparisonEvent = ComparisonStarted | PairEnded | PairsClean | ComparisonProgressed | ComparisonEnded
