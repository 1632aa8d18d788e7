"""A failure rate and its interval: for a fixed number of trials, or anytime-valid."""

import math
from dataclasses import dataclass

from flakeproof.stats.special import beta_isf, beta_ppf, log_beta


@dataclass(frozen=True, slots=True)
class Interval:
    """The rates that are compatible with the data, at a confidence, by a named method."""

    low: float
    high: float
    confidence: float
    method: str


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless the confidence is a probability other than 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1 (exclusive), got {confidence}")


def check_counts(failures: float, trials: float) -> None:
    """Raise ValueError unless there can be so many failures in so many trials."""
    if not 0 <= trials < math.inf:
        raise ValueError(f"trials must be 0 or more, got {trials}")
    if not 0 <= failures <= trials:
        raise ValueError(f"failures must be between 0 and the {trials} trials, got {failures}")


def clopper_pearson(failures: float, trials: float, confidence: float = 0.95) -> Interval:
    """The interval of Clopper and Pearson, Biometrika 26 (1934) 404-413: covers at least as often as it says.

    The ends are quantiles of Beta(k, n-k+1) and Beta(k+1, n-k); without trials it is [0, 1]. The numbers are integers,
    except effective numbers of dependent trials (:mod:`flakeproof.stats.dispersion`).
    """
    check_counts(failures, trials)
    check_confidence(confidence)
    passes = trials - failures
    tail = (1 - confidence) / 2
    low = beta_ppf(tail, failures, passes + 1) if failures else 0.0
    high = beta_isf(tail, failures + 1, passes) if passes else 1.0
    return Interval(low, high, confidence, "clopper-pearson")


def wilson(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """The score interval of E. B. Wilson, J. American Statistical Association 22 (1927) 209-212.

    Its ends are the rates p with (k - n p)^2 = z^2 n p (1-p). The lower one is taken from the product of the
    two, so that it loses no digits and is exactly 0 when nothing failed; without trials the interval is [0,
    1].
    """
    check_counts(failures, trials)
    check_confidence(confidence)
    if trials == 0:
        return Interval(0.0, 1.0, confidence, "wilson")
    from statistics import NormalDist  # takes longer to import than all of this package

    z = NormalDist().inv_cdf((1 - confidence) / 2)
    passes = trials - failures
    root = math.sqrt(z * z * (failures * passes / trials + z * z / 4))
    greater = failures + z * z / 2 + root
    low = failures * failures / (trials * greater)
    high = greater / (trials + z * z) if passes else 1.0
    return Interval(low, high, confidence, "wilson")


def jeffreys(failures: int, trials: int, confidence: float = 0.95) -> Interval:
    """The equal-tailed interval of the posterior Beta(k + 1/2, n - k + 1/2), by Jeffreys' prior.

    Its lower end is 0 when nothing failed and its upper end 1 when nothing passed, as Brown, Cai and DasGupta
    (2001) recommend: otherwise the interval would rule out the very rate that was seen.
    """
    check_counts(failures, trials)
    check_confidence(confidence)
    passes = trials - failures
    tail = (1 - confidence) / 2
    low = beta_ppf(tail, failures + 0.5, passes + 0.5) if failures else 0.0
    high = beta_isf(tail, failures + 0.5, passes + 0.5) if passes else 1.0
    return Interval(low, high, confidence, "jeffreys")


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
    """The rates that are in both intervals of one confidence sequence; None if there are none.

    All intervals together contain the true rate with the stated confidence, so their running intersection is
    as valid as the last interval alone, and never widens. If it is empty, the rate has changed meanwhile, the
    trials are not independent, or this is the rare error that the confidence allows: report that instead of an
    interval.
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
