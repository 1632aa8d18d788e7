"""The posterior over commits, and what is tried next, against sums over everything that can be."""

import math
import random
from itertools import product

import pytest

from flakeproof.features.onset.following import line_in
from flakeproof.stats import two_rates as rates
from flakeproof.stats.ancestry import Ancestry, members
from flakeproof.stats.next_commit import choose
from flakeproof.stats.onset import GOOD, Onset
from flakeproof.stats.two_rates import HIGH, LOW, RATES, Count, one_rate, two_rates

LINE = [[], [0], [1], [2], [3]]
DIAMOND = [[], [0], [0], [1, 2], [2], [3, 4]]
"""0 forks into 1 and 2, 3 joins them, 4 goes on from 2, 5 joins 3 and 4."""


def pairs() -> list[tuple[float, float, float]]:
    """All pairs of rates that may be, with their weights beforehand, from the words of the module."""
    jeffreys = [math.sqrt(rate * (1 - rate)) for rate in RATES]
    whole = sum(jeffreys)
    low = dict(zip(RATES, (weight / whole * 0.98 for weight in jeffreys), strict=True)) | {0.0: 0.02}
    high = dict(zip(RATES, (weight / whole * 0.98 for weight in jeffreys), strict=True)) | {1.0: 0.02}
    found = [
        (one, other, low[one] * high[other])
        for one, other in product(LOW, HIGH)
        if one == 0 or other == 1 or other / (1 - other) >= 2 * one / (1 - one) * (1 - 1e-9)
    ]
    scale = sum(weight for _, _, weight in found)
    return [(one, other, weight / scale) for one, other, weight in found]


def likelihood(rate: float, count: Count) -> float:
    """Of a rate."""
    return rate**count.failed * (1 - rate) ** count.passed


COUNTS = [
    (Count(0, 50), Count(3, 40)),
    (Count(2, 50), Count(9, 40)),
    (Count(), Count(3, 0)),
    (Count(5, 5), Count(1, 10)),
    (Count(), Count()),
    (Count(1, 0), Count(0, 1)),
]


@pytest.mark.parametrize(("low", "high"), COUNTS)
def test_two_rates_are_integrated_over_all_pairs(low: Count, high: Count) -> None:
    """Evidence and both marginals are those of the sum over all pairs; a factor two in the odds lies between."""
    weighed = [(one, other, weight * likelihood(one, low) * likelihood(other, high)) for one, other, weight in pairs()]
    total = sum(weight for _, _, weight in weighed)
    found = two_rates(low, high)
    assert found.log_evidence == pytest.approx(math.log(total))
    for probabilities, values, place in ((found.low, LOW, 0), (found.high, HIGH, 1)):
        expected = dict.fromkeys(values, 0.0)
        for one in weighed:
            expected[one[place]] += one[2] / total
        assert list(probabilities) == pytest.approx(list(expected.values()))


def test_what_cannot_be_is_impossible() -> None:
    """Nothing explains a low rate that is seen to be far above the high one, in many trials."""
    assert two_rates(Count(2000, 0), Count(0, 2000)).log_evidence == -math.inf
    assert one_rate(Count(10**6, 10**6)).log_evidence < -10


@pytest.mark.parametrize("parents", [LINE, DIAMOND])
@pytest.mark.parametrize("rises", [True, False])
def test_the_posterior_is_that_of_bayes(parents: list[list[int]], rises: bool) -> None:
    """Against the sum over every commit and every pair of rates, with commits that are likelier beforehand."""
    draws = random.Random(len(parents))
    ancestry = Ancestry(parents)
    onset = Onset(ancestry, rises=rises, likelier=[1, 2], times=3.0)
    counts = {
        commit: Count(draws.randrange(3), draws.randrange(12))
        for commit in (GOOD, *draws.sample(range(len(parents)), 3))
    }
    for commit, count in counts.items():
        onset.add(commit, count)

    def likely(culprit: int, low_first: bool) -> float:
        affected = [commit for commit in counts if commit != GOOD and ancestry.of(commit) >> culprit & 1]
        inside = sum((counts[commit] for commit in affected), Count())
        outside = sum(counts.values(), Count()) - inside
        low, high = (outside, inside) if low_first else (inside, outside)
        return sum(weight * likelihood(one, low) * likelihood(other, high) for one, other, weight in pairs())

    before = [3.0 if commit in (1, 2) else 1.0 for commit in range(len(parents))]
    whole = sum(before)
    wanted = [0.5 * weight / whole * likely(commit, rises) for commit, weight in enumerate(before)]
    reversed_ = sum(0.1 * weight / whole * likely(commit, not rises) for commit, weight in enumerate(before))
    same = 0.4 * math.exp(one_rate(sum(counts.values(), Count())).log_evidence)
    total = sum(wanted) + reversed_ + same
    assert onset.of_commits() == pytest.approx([one / total for one in wanted])
    assert (onset.no_change, onset.other_way) == pytest.approx((same / total, reversed_ / total))
    assert sum(one.probability for one in onset.hypotheses()) == pytest.approx(1)


def test_the_next_commit_tells_most() -> None:
    """What it is expected to tell is the entropy that the answer takes away, and no other commit tells more."""
    ancestry = Ancestry(DIAMOND)

    def after(commit: int, count: Count) -> Onset:
        onset = Onset(ancestry)
        for one, seen in ((5, Count(2, 10)), (GOOD, Count(0, 20))):
            onset.add(one, seen)
        if count.trials:
            onset.add(commit, count)
        return onset

    def entropy(onset: Onset) -> float:
        weights = [*onset.of_commits(), onset.no_change]
        other = [one for one in onset.hypotheses() if one.bits and not one.affected_is_high]
        weights += [
            one.probability * onset.share(one.bits, 1 << number) for one in other for number in members(one.bits)
        ]
        return -sum(weight * math.log2(weight) for weight in weights if weight > 0)

    now = after(0, Count())
    fails = {commit: failing(now, commit) for commit in (GOOD, *range(6))}
    told = {
        commit: entropy(now)
        - fail * entropy(after(commit, Count(1, 0)))
        - (1 - fail) * entropy(after(commit, Count(0, 1)))
        for commit, fail in fails.items()
    }
    best = choose(now, lambda commit: True, lambda commit: 0.0, 1.0, most=1)
    assert best is not None
    assert best.commit == max(told, key=lambda commit: told[commit])
    assert best.bits == pytest.approx(told[best.commit], abs=0.01)


def failing(onset: Onset, commit: int) -> float:
    """The probability that a trial of a commit fails."""
    inside = 0 if commit == GOOD else onset.ancestry.of(commit)
    found = 0.0
    for one in onset.hypotheses():
        low, high = rates.mean(one.explained.low, LOW), rates.mean(one.explained.high, HIGH)
        affected, other = (high, low) if one.affected_is_high else (low, high)
        share = onset.share(one.bits, inside) if one.bits else 0.0
        found += one.probability * (share * affected + (1 - share) * other)
    return found


def test_what_is_ready_and_what_works_is_preferred() -> None:
    """A checkout that takes long is left for one that is there, if that tells nearly as much; so is one that fails."""
    onset = Onset(Ancestry([[], *([number] for number in range(99))]))
    onset.add(99, Count(3, 27))
    onset.add(GOOD, Count(0, 60))
    onset.add(40, Count(0, 1))
    plain = choose(onset, lambda commit: True, lambda commit: 1.0, 0.1)
    dear = choose(onset, lambda commit: True, lambda commit: 1.0 if commit == 40 else 60.0, 0.1)
    risky = choose(onset, lambda commit: True, lambda commit: 1.0, 0.1, works=lambda commit: float(commit == 40))
    only = choose(onset, lambda commit: commit == 3, lambda commit: 1.0, 0.1)
    assert plain is not None
    assert plain.commit not in (40, 99)
    assert plain.trials > 1
    assert [one.commit for one in (dear, risky, only) if one is not None] == [40, 40, 3]
    assert choose(onset, lambda commit: False, lambda commit: 1.0, 0.1) is None


def test_ancestors_of_a_long_history() -> None:
    """Where not all are kept, they are put together: the same as by walking, with merges and octopuses."""
    draws = random.Random(4)
    parents = [
        sorted({max(0, number - draws.randrange(1, 30)) for _ in range(draws.choice((1, 1, 1, 2, 3)))} - {number})
        for number in range(5000)
    ]
    ancestry = Ancestry(parents)
    for commit in draws.sample(range(5000), 20):
        seen, waiting = {commit}, [commit]
        while waiting:
            new = set(parents[waiting.pop()]) - seen
            seen |= new
            waiting += new
        assert members(ancestry.of(commit)) == sorted(seen)
    with pytest.raises(ValueError, match="commit 0 comes before its parent 1"):
        Ancestry([[1], []])


def test_commits_between_which_nothing_can_be_run_are_one_answer() -> None:
    """They are told apart by a commit that can be run, and only then."""
    onset = Onset(Ancestry(LINE))
    onset.add(4, Count(10, 10))
    onset.add(0, Count(0, 200))
    (top, *_) = onset.culprits
    assert members(top.bits) == [1, 2, 3, 4]
    assert onset.is_one(top.bits, [0, 4])
    assert not onset.is_one(top.bits, [0, 2, 4])
    assert onset.is_one(1 << 2, [])


@pytest.mark.parametrize(
    ("number", "new", "expected"),
    [
        (2, "abcd", 2),
        (2, "xxabcd", 4),
        (2, "aXcd", 2),  # rewritten
        (3, "aXd", 2),  # two lines that became one
        (2, "acd", None),
        (2, "", None),
    ],
)
def test_a_line_is_followed(number: int, new: str, expected: int | None) -> None:
    """By what stands around it."""
    assert line_in(number, list("abcd"), list(new)) == expected
