"""Failure rates of many tests, each estimated with the help of all: partial pooling by a Beta-binomial model.

The rates of the tests are drawn from Beta(a, b); a test that failed k of n times has the posterior
Beta(a + k, b + n - k). So 1 failure in 2 says less than 30 in 400. The prior is fitted to the counts of all tests
(Griffiths, Biometrics 29 (1973) 637-648), penalised by the hyperprior (a + b)^(-5/2) of Gelman et al., Bayesian Data
Analysis, 3rd ed., section 5.3, which keeps few tests from agreeing with themselves.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flakeproof.stats.intervals import Interval, check_counts
from flakeproof.stats.special import beta_isf, beta_ppf

_GOLDEN = (math.sqrt(5) - 1) / 2
_LOG_MEAN = (math.log(1e-7), math.log(0.5))
_LOG_SIZE = (math.log(0.5), math.log(1e5))
_STEPS = 28
_MOST_PAIRS = 160
"""Different counts that the fit looks at; tests without failures are put together by their number of runs."""


@dataclass(frozen=True)
class RatePrior:
    """Beta(a, b), what is known of a test's rate before its own runs."""

    a: float
    b: float

    def mean(self, failures: int, trials: int) -> float:
        """The expected rate of a test that failed so often."""
        check_counts(failures, trials)
        return (self.a + failures) / (self.a + self.b + trials)

    def interval(self, failures: int, trials: int, confidence: float = 0.95) -> Interval:
        """The equal-tailed interval of the posterior; its lower end is 0 for a test that never failed."""
        check_counts(failures, trials)
        tail = (1 - confidence) / 2
        first, second = self.a + failures, self.b + trials - failures
        low = beta_ppf(tail, first, second) if failures else 0.0
        high = beta_isf(tail, first, second) if failures < trials or trials == 0 else 1.0
        return Interval(low, high, confidence, "beta-binomial")


def fit_prior(counts: Iterable[tuple[int, int]]) -> RatePrior:
    """The prior that fits the (failures, runs) of all tests best; tests that never ran do not count.

    Raises ValueError for counts that cannot be.
    """
    pairs: Counter[tuple[int, int]] = Counter()
    for failures, trials in counts:
        check_counts(failures, trials)
        if trials:
            pairs[failures, trials] += 1
    told = _condensed(pairs)

    def fit(log_mean: float, log_size: float) -> float:
        mean, size = math.exp(log_mean), math.exp(log_size)
        a, b = mean * size, (1 - mean) * size
        constant = math.lgamma(size) - math.lgamma(a) - math.lgamma(b)
        total = -0.5 * log_size  # the hyperprior, in these coordinates
        for (failures, trials), weight in told:
            passed = trials - failures
            total += weight * (
                constant + math.lgamma(a + failures) + math.lgamma(b + passed) - math.lgamma(size + trials)
            )
        return total

    def best_mean(log_size: float) -> tuple[float, float]:
        return _highest(lambda log_mean: fit(log_mean, log_size), *_LOG_MEAN)

    log_size, _ = _highest(lambda log_size: best_mean(log_size)[1], *_LOG_SIZE)
    log_mean, _ = best_mean(log_size)
    mean, size = math.exp(log_mean), math.exp(log_size)
    return RatePrior(mean * size, (1 - mean) * size)


def _condensed(pairs: Counter[tuple[int, int]]) -> list[tuple[tuple[float, float], int]]:
    """The counts with their numbers of tests, those with similar counts put together where there are too many."""
    kept: list[tuple[tuple[float, float], int]] = []
    by_failures: dict[int, list[tuple[int, int]]] = {}
    for (failures, trials), weight in sorted(pairs.items()):
        by_failures.setdefault(failures, []).append((trials, weight))
    share = max(1, _MOST_PAIRS // max(1, len(by_failures)))
    for failures, group in by_failures.items():
        size = max(1, math.ceil(len(group) / share))
        for start in range(0, len(group), size):
            part = group[start : start + size]
            weight = sum(one for _, one in part)
            kept.append(((failures, sum(trials * one for trials, one in part) / weight), weight))
    return kept


def _highest(function: Callable[[float], float], low: float, high: float) -> tuple[float, float]:
    """Where a function with one peak is highest, and how high: golden section (Kiefer 1953)."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(_STEPS):
        if at_left > at_right:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = function(right)
    return (left, at_left) if at_left > at_right else (right, at_right)
