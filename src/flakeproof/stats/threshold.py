"""Anytime-valid evidence that a failure rate, or the mean of a share, is below a threshold or above it."""

import math
from collections.abc import Sequence

from flakeproof.stats.detection import fewest
from flakeproof.stats.intervals import check_confidence, check_counts
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
    """The logarithm of the e-value for a rate above `threshold`, by the upper part of the prior. Raises ValueError."""
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

    At log(1 / alpha), the rate is declared to be at most `alternative`; at -log(1 / beta), at least `threshold`. These
    bounds control both errors, which Wald's own approximate bounds do not quite. Raises ValueError.
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
    """How many more trials decide, if they continue to fail at the rate so far; None if no number would.

    0 if decided already. Raises ValueError.
    """
    check_counts(failures, trials)
    _check_rate("threshold", threshold)
    check_confidence(error)
    if trials == 0:
        return trials_without_failure(threshold, error)
    wanted = -math.log(error)
    rate = failures / trials
    if rate == threshold:
        return None  # the likelihood is greatest at the threshold, so neither evidence ever exceeds 1
    evidence = log_evidence_below if rate < threshold else log_evidence_above

    def enough(total: int) -> bool:
        return total > _MOST or evidence(round(rate * total), total, threshold) >= wanted

    total = fewest(enough, trials, within=0.001)
    return None if total > _MOST else total - trials


def _check_rate(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"{name} must be between 0 and 1 (exclusive), got {value}")


_STAKES = ((1.0, 0.9), (0.5, 0.1))
"""Shares of the capital that are bet (c), each with its weight: all of it, which needs hardly more observations than
the minimum; and half of it, which an observation of 1 does not ruin."""


def log_evidence_mean_below(shares: Sequence[float], zeros: int, threshold: float) -> float:
    """The logarithm of the e-value for a mean below `threshold`, after the observations `shares` and `zeros` zeros.

    It is the capital of a bet. Raises ValueError.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold must be between 0 and 1 (exclusive), got {threshold}")
    if zeros < 0:
        raise ValueError(f"observations that were 0 must be 0 or more, got {zeros}")
    logs = []
    for stake, weight in _STAKES:
        total = math.log(weight) + zeros * _log_factor(0.0, threshold, stake)
        for share in shares:
            if not 0 <= share <= 1:
                raise ValueError(f"an observation must be between 0 and 1, got {share}")
            total += _log_factor(share, threshold, stake)
        logs.append(total)
    most = max(logs)
    return most + math.log(sum(math.exp(one - most) for one in logs)) if most > -math.inf else most


def observations_without_failure(threshold: float, error: float) -> int:
    """The fewest observations that, if all are 0, make the evidence reach 1 / error. Raises ValueError."""
    check_confidence(error)
    wanted = -math.log(error)
    return fewest(lambda count: log_evidence_mean_below((), count, threshold) >= wanted)


def _log_factor(share: float, threshold: float, stake: float) -> float:
    factor = 1 + stake * (threshold - share) / (1 - threshold)
    return math.log(factor) if factor > 0 else -math.inf
