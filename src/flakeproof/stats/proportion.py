"""A failure rate and its interval from a fixed number of trials, read once.

Clopper-Pearson is the one to guarantee with: it never covers less often than it says. Wilson and Jeffreys are
shorter and cover as often as they say on average: the ones to display (Brown, Cai and DasGupta, "Interval
Estimation for a Binomial Proportion", Statistical Science 16 (2001) 101-133, who also show that the textbook
interval p +- z sqrt(p(1-p)/n) must not be used). None of them may be re-read while trials are still running:
that is what :mod:`flakeproof.stats.sequential` is for.
"""

import math
from dataclasses import dataclass

from flakeproof.stats.special import beta_isf, beta_ppf


@dataclass(frozen=True, slots=True)
class Interval:
    """The rates that the data leave possible, at a confidence, by a named method."""

    low: float
    high: float
    confidence: float
    method: str


def check_confidence(confidence: float) -> None:
    """Raise ValueError unless the confidence is a probability other than 0 and 1."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1 (exclusive), got {confidence}")


def check_counts(failures: float, trials: float) -> None:
    """Raise ValueError unless so many failures can have been seen in so many trials."""
    if not 0 <= trials < math.inf:
        raise ValueError(f"trials must be 0 or more, got {trials}")
    if not 0 <= failures <= trials:
        raise ValueError(f"failures must be between 0 and the {trials} trials, got {failures}")


def clopper_pearson(failures: float, trials: float, confidence: float = 0.95) -> Interval:
    """The interval of Clopper and Pearson, Biometrika 26 (1934) 404-413: covers at least as often as it says.

    The ends are quantiles of Beta(k, n-k+1) and Beta(k+1, n-k); without trials it is [0, 1]. The numbers are whole but
    for effective ones, of trials that are not independent (:mod:`flakeproof.stats.dispersion`).
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
