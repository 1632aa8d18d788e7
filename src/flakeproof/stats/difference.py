"""Two arms compared after the fact, when both had a number of trials that was fixed in advance.

None of this may be re-read while trials are still running, and all of it takes the trials as independent: pairs that
were run side by side are what :mod:`flakeproof.stats.comparison` is for. The difference is that of the rates, base less
fix, so that a fix that helps gives a positive one.
"""

import math
from collections.abc import Callable

from flakeproof.stats.proportion import Interval, check_confidence, check_counts, wilson
from flakeproof.stats.tables import fisher_greater

_HALVINGS = 100


def fisher(base_failures: int, base_trials: int, fix_failures: int, fix_trials: int) -> float:
    """The one-sided p-value of R. A. Fisher's exact test for "the fix fails less often" (1935).

    P(X >= a) for the number X of all failures that fall on the base if any of the trials may have failed: it is
    hypergeometric. Raises ValueError.
    """
    _check_arms(base_failures, base_trials, fix_failures, fix_trials)
    return fisher_greater(((base_failures, base_trials - base_failures), (fix_failures, fix_trials - fix_failures)))


def newcombe(
    base_failures: int, base_trials: int, fix_failures: int, fix_trials: int, confidence: float = 0.95
) -> Interval:
    """The interval of R. G. Newcombe for a difference, Statistics in Medicine 17 (1998) 873-890, his method 10.

    It joins the Wilson intervals of both arms by their distances from the rates seen. Raises ValueError.
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

    It holds the differences d with (seen - d)^2 <= z^2 v(d), where v is the variance, times N / (N - 1), at the rates
    that are the likeliest of those with that difference. Raises ValueError.
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
    """The rate of the fix at which both arms are likeliest if the base fails by so much more often.

    The logarithm of the likelihood is concave, so its slope falls to 0 once: no digits are lost as in the closed form,
    the root of a cubic equation.
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
    """Where the differences that the interval holds end, between one that it holds and the last there is."""
    if not outside(outermost):
        return outermost
    while (middle := (inside + outermost) / 2) not in (inside, outermost):
        inside, outermost = (inside, middle) if outside(middle) else (middle, outermost)
    return inside


def _check_arms(base_failures: int, base_trials: int, fix_failures: int, fix_trials: int) -> None:
    for failures, trials in ((base_failures, base_trials), (fix_failures, fix_trials)):
        check_counts(failures, trials)
        if trials == 0:
            raise ValueError("a difference takes trials of both arms, got none of one")
