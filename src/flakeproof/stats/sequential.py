"""A failure rate and its interval that may be looked at after every trial, and stopped at any of them.

An interval for a fixed number of trials misses the true rate far more often than it says when it is re-read
as trials come in. A confidence sequence misses it at *any* of its looks no more often than it says: H.
Robbins, "Statistical Methods Related to the Law of the Iterated Logarithm", Annals of Mathematical Statistics
41 (1970) 1397-1409; Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, Nonparametric, Nonasymptotic
Confidence Sequences", Annals of Statistics 49 (2021) 1055-1080. It assumes independent trials of one rate.
"""

import math

from flakeproof.stats.proportion import Interval, check_confidence, check_counts
from flakeproof.stats.special import log_beta

_METHOD = "robbins"
_PRIOR = 0.5  # of the beta mixture, both parameters: Jeffreys' prior
_LOG_HALF = math.log(0.5)


def robbins(failures: float, trials: float, confidence: float = 0.95) -> Interval:
    """Robbins' beta-binomial confidence sequence after k failures in n trials, mixed over Beta(1/2, 1/2).

    It holds the rates p with B(1/2 + k, 1/2 + n - k) / B(1/2, 1/2) < p^k (1-p)^(n-k) / alpha. At the true
    rate the quotient of the left side and p^k (1-p)^(n-k) is a martingale that starts from 1, so by Ville's
    inequality it ever reaches 1 / alpha with probability alpha at most. Without trials it is [0, 1].
    Effective numbers of trials that are not independent may be fractions; the interval is approximate then.
    """
    check_counts(failures, trials)
    check_confidence(confidence)
    if trials == 0:
        return Interval(0.0, 1.0, confidence, _METHOD)
    passes = trials - failures
    mixture = log_beta(_PRIOR + failures, _PRIOR + passes) - log_beta(_PRIOR, _PRIOR)
    edge = mixture + math.log1p(-confidence)  # the log-likelihood of both ends
    # Each factor of the likelihood is at most 1, so p^k alone bounds the lower end and (1-p)^(n-k) the upper
    # one from outside; where all trials had the same result the bound is the end.
    low = math.exp(edge / failures) if failures else 0.0
    high = -math.expm1(edge / passes) if passes else 1.0
    if failures and passes:
        peak = math.log(failures / trials)
        low = math.exp(_bisect(failures, passes, edge, outside=edge / failures, inside=peak))
        high = math.exp(_bisect(failures, passes, edge, outside=math.log(high), inside=peak))
    return Interval(low, high, confidence, _METHOD)


def intersect(previous: Interval, current: Interval) -> Interval | None:
    """The rates that both looks at one confidence sequence leave possible; None if there are none.

    All looks hold the true rate together with the stated confidence, so their running intersection is as
    valid as the last look alone, and never widens. When nothing is left, the rate has changed between the
    looks, the trials are not independent, or this is the rare miss that the confidence allows for: say so
    instead of showing an interval.
    """
    for look in (previous, current):
        if look.method != _METHOD:
            raise ValueError(f"only looks at a confidence sequence may be intersected, got {look.method}")
    if previous.confidence != current.confidence:
        raise ValueError(
            f"both looks must have the same confidence, got {previous.confidence} and {current.confidence}"
        )
    low = max(previous.low, current.low)
    high = min(previous.high, current.high)
    return Interval(low, high, current.confidence, _METHOD) if low <= high else None


def _bisect(failures: float, passes: float, edge: float, *, outside: float, inside: float) -> float:
    """The log p between the two given where the log-likelihood k log p + (n-k) log(1-p) is ``edge``."""
    while True:
        log_p = (outside + inside) / 2
        if log_p in (outside, inside):
            return log_p
        log_pass = math.log(-math.expm1(log_p)) if log_p > _LOG_HALF else math.log1p(-math.exp(log_p))
        if failures * log_p + passes * log_pass < edge:
            outside = log_p
        else:
            inside = log_p
