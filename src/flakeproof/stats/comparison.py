"""Whether one of two arms fails less often: anytime-valid from pairs, or afterwards from fixed numbers of trials."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from flakeproof.stats.intervals import Interval, check_confidence, check_counts, robbins, wilson
from flakeproof.stats.special import log_beta, log_betainc
from flakeproof.stats.tables import fisher_greater

_PRIOR = 0.5
_LOG_2 = math.log(2)


def log_evidence_of_effect(base: int, fix: int) -> float:
    """The logarithm of the e-value for "the fix fails less often", after `base` and `fix` pairs lost.

    2^(a+b) B(1/2 + a, 1/2 + b) I_1/2(1/2 + b, 1/2 + a) / (B(1/2, 1/2) I_1/2(1/2, 1/2)): Jeffreys' mixture over the
    probabilities above 1/2. Raises ValueError for negative counts.
    """
    _check(base, fix)
    return (
        (base + fix) * _LOG_2
        + log_beta(_PRIOR + base, _PRIOR + fix)
        + log_betainc(_PRIOR + fix, _PRIOR + base, 0.5)
        - log_beta(_PRIOR, _PRIOR)
        - log_betainc(_PRIOR, _PRIOR, 0.5)
    )


def log_evidence_of_futility(base: int, fix: int, reduction: float) -> float:
    """The logarithm of the e-value for "the odds of failing are reduced less than `reduction`-fold" (above 1).

    B(1/2 + a, 1/2 + b) I_p(1/2 + a, 1/2 + b) / (B(1/2, 1/2) I_p(1/2, 1/2) p^a (1-p)^b) with p = r / (1 + r). Raises
    ValueError.
    """
    _check(base, fix)
    if not 1 < reduction < math.inf:
        raise ValueError(f"a reduction must be more than 1-fold, got {reduction}")
    share = reduction / (1 + reduction)
    return (
        log_beta(_PRIOR + base, _PRIOR + fix)
        + log_betainc(_PRIOR + base, _PRIOR + fix, share)
        - log_beta(_PRIOR, _PRIOR)
        - log_betainc(_PRIOR, _PRIOR, share)
        - base * math.log(share)
        - fix * math.log1p(-share)
    )


def further_pairs(base: int, fix: int, pairs: int, error: float, reduction: float) -> int | None:
    """How many more pairs decide, if pairs continue to be lost as so far; None if that cannot be estimated.

    `pairs` is the number of ended pairs, `base` and `fix` of those lost. 0 if decided already. Raises ValueError.
    """
    _check(base, fix)
    wanted = -math.log(error)

    def is_decided(times: int) -> bool:
        lost, fix_lost = base * times // _STEPS, fix * times // _STEPS
        effect = log_evidence_of_effect(lost, fix_lost)
        return max(effect, log_evidence_of_futility(lost, fix_lost, reduction)) >= wanted

    if not base + fix:
        return None
    if is_decided(_STEPS):
        return 0
    high = 2 * _STEPS
    while not is_decided(high):
        if high > _FARTHEST * _STEPS:
            return None
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_decided(middle) else (middle, high)
    return math.ceil(pairs * (high / _STEPS - 1))


_STEPS = 64
"""Resolution: the needed multiple of the pairs so far is found in steps of 1/64."""
_FARTHEST = 100_000
"""Largest multiple of the pairs so far that is considered."""


@dataclass(frozen=True, slots=True)
class OddsRatio:
    """The interval of the odds ratio of failing, fix to base."""

    low: float
    high: float
    confidence: float


def odds_ratio(base: int, fix: int, confidence: float = 0.95) -> OddsRatio:
    """The ratio fix / base that the pairs leave possible, at every moment: (1 - p) / p over Robbins' interval of p.

    It assumes that the ratio is the same over the whole session; the evidence of an effect does not. Raises ValueError.
    """
    _check(base, fix)
    # Each end comes from the interval in which it is the lower end: 1 - p would lose the digits of a p near 1.
    lost_by_base, lost_by_fix = (robbins(lost, base + fix, confidence) for lost in (base, fix))
    low = lost_by_fix.low / lost_by_base.high
    high = lost_by_fix.high / lost_by_base.low if lost_by_base.low > 0 else math.inf
    return OddsRatio(low, high, confidence)


def _check(base: int, fix: int) -> None:
    if base < 0 or fix < 0:
        raise ValueError(f"counts of pairs must be 0 or more, got {base} and {fix}")


_HALVINGS = 100


def fisher(base_failures: int, base_trials: int, fix_failures: int, fix_trials: int) -> float:
    """The one-sided p-value of R. A. Fisher's exact test for "the fix fails less often" (1935).

    P(X >= a), where X is the number of failures in the base if all trials are equally likely to fail: it is
    hypergeometric. Raises ValueError.
    """
    _check_arms(base_failures, base_trials, fix_failures, fix_trials)
    return fisher_greater(((base_failures, base_trials - base_failures), (fix_failures, fix_trials - fix_failures)))


def newcombe(
    base_failures: int, base_trials: int, fix_failures: int, fix_trials: int, confidence: float = 0.95
) -> Interval:
    """The interval of R. G. Newcombe for a difference, Statistics in Medicine 17 (1998) 873-890, his method 10.

    It combines the Wilson intervals of both arms by their distances from the observed rates. Raises ValueError.
    """
    _check_arms(base_failures, base_trials, fix_failures, fix_trials)
    base, fix = wilson(base_failures, base_trials, confidence), wilson(fix_failures, fix_trials, confidence)
    base_rate, fix_rate = base_failures / base_trials, fix_failures / fix_trials
    seen = base_rate - fix_rate
    low = seen - math.hypot(base_rate - base.low, fix.high - fix_rate)
    high = seen + math.hypot(base.high - base_rate, fix_rate - fix.low)
    return Interval(low, high, confidence, "newcombe")


def miettinen_nurminen(
    base_failures: int, base_trials: int, fix_failures: int, fix_trials: int, confidence: float = 0.95
) -> Interval:
    """The score interval of O. Miettinen and M. Nurminen, Statistics in Medicine 4 (1985) 213-226.

    It contains the differences d with (seen - d)^2 <= z^2 v(d), where v is the variance, times N / (N - 1), at the
    likeliest rates with that difference. Raises ValueError.
    """
    _check_arms(base_failures, base_trials, fix_failures, fix_trials)
    check_confidence(confidence)
    from statistics import NormalDist  # takes longer to import than all of this package

    z = NormalDist().inv_cdf((1 - confidence) / 2)
    total = base_trials + fix_trials
    seen = base_failures / base_trials - fix_failures / fix_trials

    def outside(difference: float) -> bool:
        fix = _likeliest(base_failures, base_trials, fix_failures, fix_trials, difference)
        base = fix + difference
        variance = base * (1 - base) / base_trials + fix * (1 - fix) / fix_trials
        return (seen - difference) ** 2 > z * z * max(0.0, variance) * total / (total - 1)

    low, high = (_edge(outside, inside=seen, outermost=end) for end in (-1.0, 1.0))
    return Interval(low, high, confidence, "miettinen-nurminen")


def _likeliest(base_failures: int, base_trials: int, fix_failures: int, fix_trials: int, difference: float) -> float:
    """The likeliest rate of the fix if the rate of the base is higher by `difference`.

    The log-likelihood is concave, so its slope falls to 0 once. Bisection loses no digits, unlike the closed form, the
    root of a cubic equation.
    """
    base_passes, fix_passes = base_trials - base_failures, fix_trials - fix_failures
    low, high = max(0.0, -difference), min(1.0, 1 - difference)
    for _ in range(_HALVINGS):
        fix = (low + high) / 2
        base = fix + difference
        if fix in (low, high) or not 0 < base < 1:
            break
        slope = base_failures / base - base_passes / (1 - base) + fix_failures / fix - fix_passes / (1 - fix)
        low, high = (fix, high) if slope > 0 else (low, fix)
    return (low + high) / 2


def _edge(outside: Callable[[float], bool], *, inside: float, outermost: float) -> float:
    """The end of the interval, between a difference `inside` it and the `outermost` possible one."""
    if not outside(outermost):
        return outermost
    while (middle := (inside + outermost) / 2) not in (inside, outermost):
        inside, outermost = (inside, middle) if outside(middle) else (middle, outermost)
    return inside


def _check_arms(base_failures: int, base_trials: int, fix_failures: int, fix_trials: int) -> None:
    for failures, trials in ((base_failures, base_trials), (fix_failures, fix_trials)):
        check_counts(failures, trials)
        if trials == 0:
            raise ValueError("a difference needs trials of both arms, got none of one")
