"""The posterior of the commit at which the rate of a failure changed, after trials of some commits.

A commit is *affected* if the culprit is among its ancestors or is the commit itself. Affected commits fail at one rate,
all others at another; neither is known (`two_rates`). Commits that no tried commit distinguishes are equally likely:
they form a cell, so that the work grows with the number of tried commits, not with the history.

The alternatives to a culprit are *no change* (the same rate at both ends), and *the other way round* (a change in the
other direction). The prior probabilities of the three are 1/2, 2/5 and 1/10.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from flakeproof.stats.ancestry import Ancestry, members
from flakeproof.stats.two_rates import HIGH, LOW, Count, Explained, mean, one_rate, two_rates

GOOD = -1
"""The commit before all others, which does not contain the culprit."""
_NONE, _REVERSED = 0.4, 0.1


@dataclass(frozen=True)
class Cell:
    """Commits that no tried commit distinguishes."""

    bits: int
    affected: Count
    """Trials of all tried commits that contain these commits."""
    weight: float
    """Prior probability, summed over the cell's commits; 1 for all cells together."""


@dataclass(frozen=True)
class Hypothesis:
    """A cell with the culprit in it, no change, or a cell with a change the other way round."""

    probability: float
    bits: int
    """0 for no change."""
    explained: Explained
    affected_is_high: bool


class Onset:
    """The posterior over the commits of a history, whose newest one is the bad end."""

    def __init__(
        self,
        ancestry: Ancestry,
        *,
        rises: bool = True,
        likelier: Collection[int] = (),
        times: float = 1.0,
        certain: bool = False,
        innocent: Collection[int] = (),
    ) -> None:
        """With `rises`, affected commits have the high rate; the prior of `likelier` commits is `times` as high.

        If it is `certain` that there is such a change, the alternatives are not considered. `innocent` are commits of
        which none can be the culprit.
        """
        self.ancestry = ancestry
        self.counts: dict[int, Count] = {}
        """The trials of each tried commit."""
        self._rises = rises
        none, reverse = (0.0, 0.0) if certain else (_NONE, _REVERSED)
        self._none = none
        self._kinds = [(kind, part) for kind, part in ((rises, 1 - none - reverse), (not rises, reverse)) if part]
        self._likelier = sum(1 << number for number in set(likelier))
        self._times = times
        everything = ((1 << ancestry.size) - 1) & ~sum(1 << number for number in set(innocent))
        self._whole = self._plain_weight(everything)
        self.cells = [Cell(everything, Count(), 1.0)]
        self._known: list[Hypothesis] | None = None

    @property
    def total(self) -> Count:
        """The trials of all commits."""
        return sum(self.counts.values(), Count())

    def add(self, commit: int, count: Count) -> None:
        """Take in trials of a commit, or of `GOOD`."""
        self._known = None
        if commit != GOOD:
            inside = self.ancestry.of(commit)
            if commit not in self.counts:
                self._split(inside)
            self.cells = [
                replace(cell, affected=cell.affected + count) if cell.bits & inside else cell for cell in self.cells
            ]
        self.counts[commit] = self.counts.get(commit, Count()) + count

    def hypotheses(self) -> list[Hypothesis]:
        """All hypotheses, with probabilities that sum to one, the likeliest first."""
        if self._known is not None:
            return self._known
        total = self.total
        found: list[tuple[float, int, Explained, bool]] = []
        for cell in self.cells:
            affected, others = cell.affected, total - cell.affected
            for rises, before in self._kinds:
                explained = two_rates(others, affected) if rises else two_rates(affected, others)
                found.append((math.log(before * cell.weight) + explained.log_evidence, cell.bits, explained, rises))
        if self._none:
            same = one_rate(total)
            found.append((math.log(self._none) + same.log_evidence, 0, same, True))
        highest = max(log for log, *_ in found)
        weights = [math.exp(log - highest) for log, *_ in found]
        whole = sum(weights)
        self._known = sorted(
            (
                Hypothesis(weight / whole, bits, explained, rises)
                for weight, (_, bits, explained, rises) in zip(weights, found, strict=True)
                if weight > 0
            ),
            key=lambda one: (-one.probability, one.bits),
        )
        return self._known

    @property
    def no_change(self) -> float:
        """Probability that the rate is the same at both ends."""
        return sum(one.probability for one in self.hypotheses() if not one.bits)

    @property
    def other_way(self) -> float:
        """Probability of a change in the other direction."""
        return sum(one.probability for one in self.hypotheses() if one.bits and one.affected_is_high != self._rises)

    @property
    def culprits(self) -> list[Hypothesis]:
        """The hypotheses with a culprit in the wanted direction, the likeliest first."""
        return [one for one in self.hypotheses() if one.bits and one.affected_is_high == self._rises]

    def of_commits(self) -> list[float]:
        """For each commit, the probability that it is the culprit."""
        found = [0.0] * self.ancestry.size
        for one in self.culprits:
            each = one.probability / self._plain_weight(one.bits)
            for number in members(one.bits):
                found[number] = each * (self._times if self._likelier >> number & 1 else 1.0)
        return found

    def rates(self) -> tuple[float, float]:
        """The expected rates of unaffected and of affected commits, over all hypotheses."""
        before = after = 0.0
        for one in self.hypotheses():
            low, high = mean(one.explained.low, LOW), mean(one.explained.high, HIGH)
            if not one.bits:
                high = low
            before += one.probability * (low if one.affected_is_high else high)
            after += one.probability * (high if one.affected_is_high else low)
        return before, after

    def share(self, bits: int, inside: int) -> float:
        """The share of the prior weight of the commits in `bits` that is `inside`."""
        return self._plain_weight(bits & inside) / self._plain_weight(bits)

    def is_one(self, bits: int, testable: Sequence[int]) -> bool:
        """Whether no `testable` commit could distinguish the commits in `bits`."""
        if bits.bit_count() == 1:
            return True
        return not any(0 < (bits & self.ancestry.of(commit)) < bits for commit in testable)

    def _split(self, inside: int) -> None:
        self.cells = [
            replace(cell, bits=bits, weight=self._plain_weight(bits) / self._whole)
            for cell in self.cells
            for bits in (cell.bits & inside, cell.bits & ~inside)
            if bits
        ]

    def _plain_weight(self, bits: int) -> float:
        more = (bits & self._likelier).bit_count() if self._likelier else 0
        return bits.bit_count() + more * (self._times - 1)
