"""How many trials it takes, and what a number of trials can show."""

from flakeproof.model import Record
from flakeproof.stats import detection

SCHEMA_VERSION = 1


class Plan(Record, frozen=True, kw_only=True):
    """An answer to "how many trials?"; rates and probabilities between 0 and 1."""

    schema_version: int = SCHEMA_VERSION
    count: int | None
    """Trials; None when no number up to the limit of the search is enough."""
    rate: float | None
    """Assumed failure rate; None when it was estimated from trials seen."""
    seen_failures: int | None = None
    seen_trials: int | None = None
    confidence: float
    """Probability wanted to see at least one failure."""
    detection: float | None
    """Probability of at least one failure in `count` trials."""
    miss: float | None
    """Probability of none."""
    expected_failures: float | None
    bound_if_none: float | None
    """If none of `count` trials fails: the failure rate is at most this, with the confidence `bound_confidence`."""
    bound_confidence: float = 0.95


def plan(
    rate: float | None = None,
    *,
    confidence: float = 0.9999,
    count: int | None = None,
    seen: tuple[int, int] | None = None,
    bound_confidence: float = 0.95,
) -> Plan:
    """Trials needed to see a failure with probability `confidence`, or with `count` what so many trials show.

    Give the failure `rate` (between 0 and 1), or `seen`: failures and trials of a sample from which it is estimated;
    then the probability is the predictive one, which knows that the rate is not known.

    Raises ValueError for values out of range, or when neither or both are given.
    """
    if (rate is None) == (seen is None):
        raise ValueError("give either the rate or the failures and trials seen")
    if rate is not None:
        needed = count if count is not None else detection.trials_needed(rate, confidence)
        detected: float | None = detection.detection_probability(rate, needed)
        missed: float | None = detection.miss_probability(rate, needed)
        expected: float | None = rate * needed
        found: int | None = needed
    else:
        assert seen is not None
        failures, trials = seen
        found = count if count is not None else detection.predictive_trials_needed(failures, trials, confidence)
        detected = None if found is None else detection.predictive_detection(failures, trials, found)
        missed = None if detected is None else 1 - detected
        # Mean of the posterior under Jeffreys' prior, the one the predictive probability uses.
        expected = None if found is None else found * (failures + 0.5) / (trials + 1)
    return Plan(
        count=found,
        rate=rate,
        seen_failures=seen[0] if seen else None,
        seen_trials=seen[1] if seen else None,
        confidence=confidence,
        detection=detected,
        miss=missed,
        expected_failures=expected,
        bound_if_none=None if not found else detection.zero_failure_bound(found, bound_confidence),
        bound_confidence=bound_confidence,
    )
