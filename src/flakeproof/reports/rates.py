"""A rate with its interval, in words: it is never shown without one."""

from flakeproof.summary import RateInterval
from flakeproof.text import lower, share, upper

METHODS = {
    "clopper-pearson": "Clopper-Pearson",
    "clopper-pearson, one-sided": "exact, one-sided",
    "robbins": "Robbins, valid at every moment",
}


def rate_with_interval(rate: float, interval: RateInterval) -> str:
    """`1.77% (1.52% to 2.05%, 95% Clopper-Pearson)`, or `at most 0.30% (95%, …)` when nothing failed."""
    confidence = f"{100 * interval.confidence:g}%"
    method = METHODS.get(interval.method, interval.method)
    if 0 < rate < 1:
        return f"{share(rate)} ({lower(interval.low)} to {upper(interval.high)}, {confidence} {method})"
    return f"{bounds(rate, interval)} ({confidence}, {method})"


def bounds(rate: float, interval: RateInterval | None) -> str:
    """The same without confidence and method, which have to stand nearby; "" where no trial tells anything."""
    if interval is None:
        return ""
    if rate == 0:
        return f"at most {upper(interval.high)}"
    if rate == 1:
        return f"at least {lower(interval.low)}"
    return f"{share(rate)} ({lower(interval.low)} to {upper(interval.high)})"
