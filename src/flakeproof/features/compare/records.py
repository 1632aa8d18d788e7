"""The records that describe a comparison, and the events that tell what happens in it."""

from typing import Any

import msgspec

from flakeproof.events import Event
from flakeproof.model import Record, RunSpec


class ComparisonArm(Record, frozen=True, kw_only=True):
    """One side."""

    name: str
    spec: RunSpec
    """How its trials are run: those of all arms alike, each with a seed of its own."""
    revision: str = ""
    """The commit that its code is from, where it is not from the working tree."""
    content: str = ""
    """Digest of the changes in the working tree that it is from."""


class ComparisonSpec(Record, frozen=True, kw_only=True):
    """A whole comparison: does the second arm fail less often than the first?"""

    arms: tuple[ComparisonArm, ComparisonArm]
    """The base, and what is to be better."""
    error: float
    """Probability that the verdict may be wrong with, whichever it is."""
    reduction: float
    """What reduces the odds of failing less than so many times is no fix."""
    most_trials: int | None
    """Trials of both arms together that may be spent; None for no limit."""
    duration: float | None
    """Seconds that may be spent; None for no limit."""
    company: int
    """Trials of an arm that run side by side in a place. With 1 the arms alternate from trial to trial, else in blocks.
    """
    places: int
    """Pairs of processes that take turns."""
    seed: int
    first_pair: int = 1
    """Number of the first pair: those before are of the run that this one continues."""
    carried: int = 0
    """Pairs that it takes over from that run."""
    shard: tuple[int, int] | None = None
    """Which part of a comparison this is, from 1, and of how many; None for a whole one."""
    is_merged: bool = False
    """Whether its pairs are those of several parts."""

    @property
    def same(self) -> dict[str, Any]:
        """What has to be the same for another comparison to go on where this one ended."""
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
    """Name of the machine."""
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
