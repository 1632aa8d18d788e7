"""Two unknown failure rates, of which one is higher: how well they explain the counts, and their posterior.

Rates are integrated over a grid that is uniform in log odds (4 steps for each factor of two), with the weights of
Jeffreys' prior Beta(1/2, 1/2). The odds of the two rates must differ by at least a factor of two: less is no change.
The prior probability is 1/50 that the low rate is exactly zero, and 1/50 that the high rate is exactly one. A higher
one would decide too soon if the low rate is small but not zero (simulated: with 1/2 for zero, 86 of 100 answers at 5 %
to 50 % were right, where 95 should have been). On a grid that condition is easy, but products of beta functions cannot
express it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, repeat
from operator import mul

_STEP = math.log(2) / 4
_APART = 4
"""Least number of steps between the two rates: a factor of two in odds."""
_REACH = 49
"""Number of steps from one half to either end: rates from 0.02 % to 99.98 %."""
_NEVER, _ALWAYS = 0.02, 0.02

RATES = tuple(1 / (1 + math.exp(-step * _STEP)) for step in range(-_REACH, _REACH + 1))
LOW = (0.0, *RATES)
"""The possible low rates."""
HIGH = (*RATES, 1.0)
"""The possible high rates."""
_LOG = [(math.log(rate), math.log1p(-rate)) for rate in RATES]
_JEFFREYS = [math.sqrt(rate * (1 - rate)) for rate in RATES]
_WHOLE = sum(_JEFFREYS)
_SAME = [weight / _WHOLE for weight in _JEFFREYS]
_LOW = [(1 - _NEVER) * weight for weight in _SAME]
_HIGH = [(1 - _ALWAYS) * weight for weight in _SAME]


@dataclass(frozen=True)
class Count:
    """Trials with a result."""

    failed: int = 0
    passed: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.failed + other.failed, self.passed + other.passed)

    def __sub__(self, other: "Count") -> "Count":
        return Count(self.failed - other.failed, self.passed - other.passed)

    @property
    def trials(self) -> int:
        """The number of trials."""
        return self.failed + self.passed


@dataclass(frozen=True)
class Explained:
    """How well two rates explain two counts."""

    log_evidence: float
    low: Sequence[float]
    """Probabilities of the rates in `LOW`; empty if no rates explain the counts."""
    high: Sequence[float]
    """Probabilities of the rates in `HIGH`."""


def two_rates(low: Count, high: Count) -> Explained:
    """The evidence for a low rate with the count `low` and a high rate with the count `high`, and their posteriors."""
    log_low, likelihood_low = _likelihood(low)
    log_high, likelihood_high = _likelihood(high)
    lows = [0.0 if low.failed else _NEVER * math.exp(-log_low), *map(mul, _LOW, likelihood_low)]
    highs = [*map(mul, _HIGH, likelihood_high), 0.0 if high.passed else _ALWAYS * math.exp(-log_high)]
    # A low rate can be paired with high rates at least `_APART` steps above it; zero and one with any rate.
    above = [*accumulate(reversed(highs))]
    above.reverse()
    partners = [above[0], *above[_APART:], *[above[-1]] * (_APART - 1)]
    total = sum(map(mul, lows, partners))
    if total <= 0:
        return Explained(-math.inf, (), ())
    below = [*accumulate(lows)]
    beneath = [*[below[0]] * (_APART - 1), *below[:-_APART], below[-1]]
    scale = repeat(1 / total)
    return Explained(
        math.log(total) - _LOG_PAIRS + log_low + log_high,
        [*map(mul, map(mul, lows, partners), scale)],
        [*map(mul, map(mul, highs, beneath), scale)],
    )


def one_rate(count: Count) -> Explained:
    """The evidence for one rate everywhere, and its posterior, both as the low and as the high rate."""
    log_scale, likelihood = _likelihood(count)
    weighed = [*map(mul, _SAME, likelihood)]
    total = sum(weighed)
    if total <= 0:
        return Explained(-math.inf, (), ())
    rates = [one / total for one in weighed]
    return Explained(math.log(total) + log_scale, [0.0, *rates], [*rates, 0.0])


def mean(probabilities: Sequence[float], rates: Sequence[float]) -> float:
    """The expected rate."""
    return math.fsum(map(mul, probabilities, rates))


@lru_cache(maxsize=4096)
def _likelihood(count: Count) -> tuple[float, list[float]]:
    """The logarithm of the highest likelihood, and the likelihoods relative to it, over the grid."""
    logs = [count.failed * log + count.passed * log_not for log, log_not in _LOG]
    # If all trials ended alike, the rate zero or one explains them fully, and is not on this grid.
    highest = max(logs) if count.failed and count.passed else 0.0
    return highest, [math.exp(log - highest) for log in logs]


_LOG_PAIRS = 0.0
_LOG_PAIRS = two_rates(Count(), Count()).log_evidence
"""The logarithm of the total weight of all possible pairs, which normalises it to one."""
