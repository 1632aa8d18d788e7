"""Which commit to try next, and how often: the visit with the most expected information about the culprit per second.

A visit to a commit takes time to prepare; then trials run until one fails, or a fixed number of them. Its result is
whether one failed, or how many did. Its value is the mutual information of that result with the culprit, in bits
(Lindley 1956), per expected second. Rates are integrated over their posterior.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from operator import mul

from flakeproof.stats.onset import GOOD, Hypothesis, Onset
from flakeproof.stats.two_rates import HIGH, LOW

_TRIALS = tuple(2**power for power in range(11))
_LEAST_COUNTED, _MOST_COUNTED = 2, 256
"""Limits for visits with a fixed number of trials: fewer are equivalent to the other kind, more are not worth it."""
_ENOUGH = 0.998
"""Total probability of the hypotheses that the choice considers."""
_ALL = 32
"""Up to so many commits, each is considered; with more, those at quantiles of the posterior, then around the best."""
_QUANTILES = 16
_RECENT = 8
_ROUNDS = 3


@dataclass(frozen=True)
class NextVisit:
    """A planned visit to a commit."""

    commit: int
    """The number of the commit, or `GOOD`."""
    trials: int
    """The largest number of trials."""
    stops: bool
    """Whether the first failure ends the visit."""
    bits: float
    """Expected information about the culprit."""
    seconds: float
    """Expected duration."""

    @property
    def per_second(self) -> float:
        """Expected information per second, by which visits are chosen."""
        return self.bits / self.seconds


@dataclass(frozen=True)
class _Prediction:
    """The results of a visit, under one hypothesis and on one side of the culprit."""

    outcomes: list[float]
    """The probability of each result."""
    uncertainty: float
    """Entropy of the results, in bits."""
    trials: float
    """Expected number of trials."""


class _Side:
    """Predicts visits under one hypothesis and on one side of the culprit."""

    def __init__(self, probabilities: Sequence[float], *, is_low: bool) -> None:
        self._probabilities = probabilities
        self._is_low = is_low
        self._known: dict[tuple[int, bool], _Prediction] = {}

    def predict(self, place: int, *, stops: bool) -> _Prediction:
        """A visit with `_TRIALS[place]` trials; with `stops`, the first failure ends it."""
        if (place, stops) not in self._known:
            outcomes, run = _design(place, stops=stops, is_low=self._is_low)
            chances = [sum(map(mul, self._probabilities, one)) for one in outcomes]
            expected = sum(map(mul, self._probabilities, run))
            self._known[place, stops] = _Prediction(chances, _entropy(chances), expected)
        return self._known[place, stops]


@cache
def _design(place: int, *, stops: bool, is_low: bool) -> tuple[list[list[float]], list[float]]:
    """For each result, its probability at each rate; and for each rate, the expected trials."""
    count, rates = _TRIALS[place], LOW if is_low else HIGH
    if stops:
        none = [(1 - rate) ** count for rate in rates]
        run = [(1 - clean) / rate if rate else float(count) for clean, rate in zip(none, rates, strict=True)]
        return [none, [1 - clean for clean in none]], run
    columns = [_counted(rate, count) for rate in rates]
    return [list(row) for row in zip(*columns, strict=True)], [float(count)] * len(rates)


def _counted(rate: float, count: int) -> list[float]:
    """The probabilities of numbers of failures: individually up to four, then in groups that grow by half."""
    found, first, width = [], 0, 1
    while first <= count:
        last = min(count, first + width - 1)
        found.append(sum(_binomial(failed, count, rate) for failed in range(first, last + 1)))
        first, width = last + 1, max(1, (last + 1) // 2 if last >= 4 else 1)
    return found


def _binomial(failed: int, count: int, rate: float) -> float:
    if rate in (0.0, 1.0):
        return float(failed == count * rate)
    log = math.lgamma(count + 1) - math.lgamma(failed + 1) - math.lgamma(count - failed + 1)
    return math.exp(log + failed * math.log(rate) + (count - failed) * math.log1p(-rate))


def choose(
    onset: Onset,
    can_be: Callable[[int], bool],
    ready: Callable[[int], float],
    each: float,
    works: Callable[[int], float] = lambda commit: 1.0,
    most: int = _TRIALS[-1],
) -> NextVisit | None:
    """The best visit; None if none is informative.

    `can_be` returns whether a commit can be tried, `ready` the seconds to prepare it, `works` the probability that it
    can be run at all. `each` is the duration of a trial in seconds, `most` the most trials in a visit.
    """
    known, so_far = [], 0.0
    for one in onset.hypotheses():
        known.append(one)
        so_far += one.probability
        if so_far >= _ENOUGH:
            break
    trials = [count for count in _TRIALS if count <= most]
    scale = 1 / so_far
    weighed = [(one.probability * scale, one, *_sides(one)) for one in known]
    tried: dict[int, NextVisit | None] = {}

    def best(commit: int) -> float:
        if commit not in tried:
            tried[commit] = (
                _best(onset, commit, weighed, trials, ready(commit), each, works(commit)) if can_be(commit) else None
            )
        choice = tried[commit]
        return 0.0 if choice is None else choice.per_second

    for commit in _candidates(onset, best):
        best(commit)
    useful = [choice for choice in tried.values() if choice is not None and choice.bits > 1e-9]
    # Ties are broken in a fixed order, so that the same record leads to the same choice.
    return max(useful, key=lambda choice: (choice.per_second, -choice.trials, -choice.commit), default=None)


def _candidates(onset: Onset, best: Callable[[int], float]) -> Iterable[int]:
    """Commits to consider."""
    size = onset.ancestry.size
    yield GOOD
    yield size - 1
    if size <= _ALL:
        yield from range(size)
        return
    yield from [commit for commit in onset.counts if commit != GOOD][-_RECENT:]
    cumulated = [*accumulate(onset.of_commits())]
    whole = cumulated[-1]
    if whole <= 0:
        return
    places = sorted({min(size - 1, bisect_left(cumulated, whole * (k + 0.5) / _QUANTILES)) for k in range(_QUANTILES)})
    for _ in range(_ROUNDS):
        # If a commit cannot be tried, its neighbours take its place.
        leader = max(range(len(places)), key=lambda place: (best(places[place]), -place))
        left = places[max(0, leader - 1)]
        right = places[min(len(places) - 1, leader + 1)]
        middle = places[leader]
        added = {(left + middle) // 2, (middle + right) // 2, middle - 1, middle + 1} & set(range(size))
        if added <= set(places):
            break
        places = sorted({*places, *added})
    top = max(places, key=best)
    if best(top) <= 0:
        yield from _around(places, size)
    yield from places


def _around(places: Sequence[int], size: int) -> Iterable[int]:
    """Commits at growing distances from each place, to find one that can be tried."""
    for distance in range(1, size):
        if distance > _ALL:
            return
        for place in places:
            for commit in (place - distance, place + distance):
                if 0 <= commit < size:
                    yield commit


def _sides(one: Hypothesis) -> tuple[_Side, _Side]:
    """The sides of commits that contain the culprit, and of those that do not."""
    low, high = _Side(one.explained.low, is_low=True), _Side(one.explained.high, is_low=False)
    return (high, low) if one.affected_is_high else (low, high)


def _best(
    onset: Onset,
    commit: int,
    weighed: Sequence[tuple[float, Hypothesis, _Side, _Side]],
    trials: Sequence[int],
    ready: float,
    each: float,
    works: float,
) -> NextVisit:
    inside = 0 if commit == GOOD else onset.ancestry.of(commit)
    parts = []
    for weight, one, affected, other in weighed:
        share = onset.share(one.bits, inside) if one.bits else 0.0
        if share > 0:
            parts.append((weight * share, affected))
        if share < 1:
            parts.append((weight * (1 - share), other))
    found: NextVisit | None = None
    for stops in (True, False):
        before: NextVisit | None = None
        for place, count in enumerate(trials):
            if not stops and not _LEAST_COUNTED <= count <= _MOST_COUNTED:
                continue
            seen = [(weight, side.predict(place, stops=stops)) for weight, side in parts]
            mixed = [sum(weight * one.outcomes[at] for weight, one in seen) for at in range(len(seen[0][1].outcomes))]
            bits = _entropy(mixed) - sum(weight * one.uncertainty for weight, one in seen)
            expected = sum(weight * one.trials for weight, one in seen)
            choice = NextVisit(commit, count, stops, max(0.0, works * bits), ready + works * each * expected)
            if before is not None and choice.per_second <= before.per_second:
                break  # it has a single maximum, apart from negligible ones
            before = choice
        if before is not None and (found is None or before.per_second > found.per_second):
            found = before
    assert found is not None
    return found


def _entropy(probabilities: Iterable[float]) -> float:
    return -sum(one * math.log2(one) for one in probabilities if one > 0)
