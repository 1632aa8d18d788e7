"""How many trials show a failure of a known or estimated rate, what trials without one prove, and what is unseen."""

import math
from collections.abc import Callable, Iterable

from flakeproof.stats.intervals import check_confidence, check_counts
from flakeproof.stats.special import log_beta_shift, log_betaincc


def fewest(enough: Callable[[int], bool], start: int = 1, *, within: float = 0.0) -> int:
    """The smallest integer from `start` (1 or more) on that is enough, if every larger one is enough, too.

    The result may be too large by a share `within` of itself, which saves calls of `enough`.
    """
    if enough(start):
        return start
    low, high = start, 2 * start
    while not enough(high):
        low, high = high, 2 * high
    while high - low > max(1, int(high * within)):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


_EXACT = 1 - 1e-12  # lets a number of trials that is an integer but for rounding count as that integer
_JEFFREYS = 0.5  # both parameters of the prior Beta(1/2, 1/2)


def trials_needed(rate: float, confidence: float) -> int:
    """The fewest trials that show at least one failure with the given confidence.

    The smallest n with 1 - (1-p)^n >= P, that is log(1-P) / log(1-p) rounded up, for P up to the last double
    below 1.
    """
    _check_rate(rate)
    check_confidence(confidence)
    exact = math.log1p(-confidence) / math.log1p(-rate)
    if math.isinf(exact):
        raise ValueError(f"rate is too small to count the trials, got {rate}")
    return max(1, math.ceil(exact * _EXACT))


def detection_probability(rate: float, trials: int) -> float:
    """The probability 1 - (1-p)^n of at least one failure, exact for a small rate too."""
    return 0.0 - math.expm1(_log_miss(rate, trials))


def miss_probability(rate: float, trials: int) -> float:
    """The probability (1-p)^n that no trial fails, exact where the detection probability rounds to 1."""
    return math.exp(_log_miss(rate, trials))


def trials_for_failures(rate: float, confidence: float, failures: int) -> int:
    """The fewest trials that show at least `failures` failures with the given confidence.

    The number of failures is binomial, and P(X >= r) = I_p(r, n-r+1) (NIST DLMF 8.17.5) grows with n.
    """
    _check_rate(rate)
    check_confidence(confidence)
    if failures < 1:
        raise ValueError(f"failures must be 1 or more, got {failures}")
    allowed = _allowed_miss(confidence)

    def enough(trials: int) -> bool:
        return log_betaincc(failures, trials - failures + 1, rate) <= allowed

    return fewest(enough, failures)


def predictive_detection(seen_failures: int, seen_trials: int, trials: int) -> float:
    """The probability of at least one failure in further trials, after k failures in m trials seen.

    The rate is not known but has the posterior Beta(a, b) with a = k + 1/2 and b = m - k + 1/2 (Jeffreys'
    prior), which gives 1 - B(a, b + n) / B(a, b): the beta-binomial distribution at 0 (Skellam, J. Royal
    Statistical Society B 10 (1948) 257-261).
    """
    return 0.0 - math.expm1(_log_predictive_miss(seen_failures, seen_trials, trials))


def predictive_trials_needed(seen_failures: int, seen_trials: int, confidence: float, limit: int = 10**9) -> int | None:
    """The fewest further trials whose :func:`predictive_detection` reaches the confidence.

    None if ``limit`` trials do not reach it, as happens if few or no failures were seen: the rate may then be
    so small that no number of trials suffices.
    """
    check_counts(seen_failures, seen_trials)
    check_confidence(confidence)
    if limit < 1:
        raise ValueError(f"limit must be 1 or more, got {limit}")
    allowed = _allowed_miss(confidence)

    def enough(trials: int) -> bool:
        return _log_predictive_miss(seen_failures, seen_trials, trials) <= allowed

    return fewest(enough, 1) if enough(limit) else None


def zero_failure_bound(trials: int, confidence: float) -> float:
    """The upper bound 1 - alpha^(1/n) on the rate after trials without a failure, at a one-sided confidence.

    The one-sided bound of Clopper and Pearson (1934) at k = 0. The "rule of three", 3/n, approximates it at
    95 % and from some 30 trials on (Hanley and Lippman-Hand, JAMA 249 (1983) 1743-1745).
    """
    if not 1 <= trials < math.inf:
        raise ValueError(f"trials must be 1 or more, got {trials}")
    check_confidence(confidence)
    return -math.expm1(math.log1p(-confidence) / trials)


def _check_rate(rate: float) -> None:
    if not 0 < rate < 1:
        raise ValueError(f"rate must be between 0 and 1 (exclusive), got {rate}")


def _check_trials(trials: int) -> None:
    if not 0 <= trials < math.inf:
        raise ValueError(f"trials must be 0 or more, got {trials}")


def _allowed_miss(confidence: float) -> float:
    return math.log1p(-confidence) * _EXACT


def _log_miss(rate: float, trials: int) -> float:
    _check_rate(rate)
    _check_trials(trials)
    return trials * math.log1p(-rate)


def _log_predictive_miss(seen_failures: int, seen_trials: int, trials: int) -> float:
    check_counts(seen_failures, seen_trials)
    _check_trials(trials)
    passes = seen_trials - seen_failures
    return log_beta_shift(seen_failures + _JEFFREYS, passes + _JEFFREYS, trials)


def unseen_share(counts: Iterable[int]) -> float:
    """The expected share of future failures whose kind is new: f1 / n, with f1 kinds seen once among n failures.

    I. J. Good, Biometrika 40 (1953) 237-264, after A. M. Turing. 0 without failures. Raises ValueError.
    """
    seen = _checked(counts)
    return seen.count(1) / sum(seen) if seen else 0.0


def kinds_in_all(counts: Iterable[int]) -> float:
    """A lower bound on the number of kinds, S + f1 (f1 - 1) / (2 (f2 + 1)), with S seen, f1 once and f2 twice.

    A. Chao, Scandinavian J. of Statistics 11 (1984) 265-270, in the form without bias. Raises ValueError.
    """
    seen = _checked(counts)
    once, twice = seen.count(1), seen.count(2)
    return len(seen) + once * (once - 1) / (2 * (twice + 1))


def _checked(counts: Iterable[int]) -> list[int]:
    seen = list(counts)
    if any(count < 1 for count in seen):
        raise ValueError(f"each kind must have been seen once or more, got {seen}")
    return seen
