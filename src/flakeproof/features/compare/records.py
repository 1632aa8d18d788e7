"""The records that describe a comparison."""

from typing import Any

from flakeproof.model import Record, RunSpec


class Arm(Record, frozen=True, kw_only=True):
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

    arms: tuple[Arm, Arm]
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
