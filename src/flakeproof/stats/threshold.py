"""Evidence that a failure rate is below a threshold, or above it, that may be looked at after every trial.

An e-value is a quotient of likelihoods that starts from 1 and, where the claim is false, exceeds 1 / alpha at *any*
time with a probability of at most alpha: J. Ville, "Etude critique de la notion de collectif" (1939). Here the
alternative is mixed over Jeffreys' prior Beta(1/2, 1/2), cut off at the threshold, so that no rate has to be named in
advance. Where one is, A. Wald's sequential probability ratio test needs fewer trials (Sequential Analysis, 1947,
chapter 5). All of it assumes independent trials.
"""

import math

from flakeproof.stats.proportion import check_confidence, check_counts
from flakeproof.stats.search import fewest
from flakeproof.stats.special import log_beta, log_betainc, log_betaincc

_PRIOR = 0.5
_MOST = 10**12


def log_evidence_below(failures: int, trials: int, threshold: float) -> float:
    """The logarithm of the e-value for a rate below `threshold` (0 to 1, exclusive), after k failures in n trials.

    B(1/2 + k, 1/2 + n - k) I_t(1/2 + k, 1/2 + n - k) / (B(1/2, 1/2) I_t(1/2, 1/2) t^k (1-t)^(n-k)). Raises ValueError.
    """
    return _log_mixture(failures, trials, threshold) + (
        log_betainc(_PRIOR + failures, _PRIOR + trials - failures, threshold) - log_betainc(_PRIOR, _PRIOR, threshold)
    )


def log_evidence_above(failures: int, trials: int, threshold: float) -> float:
    """The same for a rate above `threshold`: with the other part of the prior. Raises ValueError."""
    return _log_mixture(failures, trials, threshold) + (
        log_betaincc(_PRIOR + failures, _PRIOR + trials - failures, threshold) - log_betaincc(_PRIOR, _PRIOR, threshold)
    )


def _log_mixture(failures: int, trials: int, threshold: float) -> float:
    check_counts(failures, trials)
    _check_rate("threshold", threshold)
    passes = trials - failures
    likelihood = failures * math.log(threshold) + passes * math.log1p(-threshold)
    return log_beta(_PRIOR + failures, _PRIOR + passes) - log_beta(_PRIOR, _PRIOR) - likelihood


def log_likelihood_ratio(failures: int, trials: int, threshold: float, alternative: float) -> float:
    """Wald's statistic for the rate `alternative` against `threshold`, the greater of the two.

    The rate is said to be at most `alternative` at log(1 / alpha), at least `threshold` at -log(1 / beta): bounds that
    keep both errors, where Wald's own approximate ones do not quite. Raises ValueError.
    """
    check_counts(failures, trials)
    _check_rate("threshold", threshold)
    _check_rate("alternative", alternative)
    if alternative >= threshold:
        raise ValueError(f"the alternative must be below the threshold {threshold}, got {alternative}")
    on_failure = math.log(alternative) - math.log(threshold)
    on_pass = math.log1p(-alternative) - math.log1p(-threshold)
    return failures * on_failure + (trials - failures) * on_pass


def trials_without_failure(threshold: float, error: float) -> int:
    """The fewest trials that, if none fails, make `log_evidence_below` reach log(1 / error). Raises ValueError."""
    check_confidence(error)
    wanted = -math.log(error)
    return fewest(lambda trials: log_evidence_below(0, trials, threshold) >= wanted)


def further_trials(failures: int, trials: int, threshold: float, error: float) -> int | None:
    """How many more trials decide, should they go on to fail at the rate seen so far; None if they never would.

    0 when it is decided. Raises ValueError.
    """
    check_counts(failures, trials)
    _check_rate("threshold", threshold)
    check_confidence(error)
    if trials == 0:
        return trials_without_failure(threshold, error)
    wanted = -math.log(error)
    rate = failures / trials
    if rate == threshold:
        return None  # the likelihood is greatest there, so that neither evidence ever exceeds 1
    evidence = log_evidence_below if rate < threshold else log_evidence_above

    def enough(total: int) -> bool:
        return total > _MOST or evidence(round(rate * total), total, threshold) >= wanted

    total = fewest(enough, trials, within=0.001)
    return None if total > _MOST else total - trials


def _check_rate(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1 (exclusive), got {value}")
