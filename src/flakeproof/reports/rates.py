"""A failure rate in words, always with its interval."""

from collections.abc import Iterable
from typing import Protocol

from flakeproof.results.summary import RateInterval
from flakeproof.text import lower, share, upper

_METHODS = {
    "clopper-pearson": "Clopper-Pearson",
    "clopper-pearson, one-sided": "exact, one-sided",
    "robbins": "Robbins, valid at every moment",
    "approximate, korn-graubard": "Korn-Graubard",
    "approximate, robbins": "Robbins, valid at every moment",
}


def rate_with_interval(rate: float, interval: RateInterval, *, method: bool = False) -> str:
    """For example `1.77% (95% interval 1.52% to 2.05%)`, or `at most 0.30% (95% confidence)` if nothing failed.

    With `method`, it also names the method of the interval.
    """
    how = f", {_method(interval)}" if method else ""
    if 0 < rate < 1:
        return f"{share(rate)} ({confidence(interval)} {lower(interval.low)} to {upper(interval.high)}{how})"
    sure = f"{'approximate, ' if is_approximate(interval) else ''}{100 * interval.confidence:g}% confidence"
    return f"{bounds(rate, interval)} ({sure}{how})"


def confidence(interval: RateInterval) -> str:
    """`95% interval`, or `approximate 95% interval` if the trials depend on each other."""
    return f"{'approximate ' if is_approximate(interval) else ''}{100 * interval.confidence:g}% interval"


def is_approximate(interval: RateInterval) -> bool:
    """Whether the interval is an approximate one, for trials that depend on each other."""
    return interval.method.startswith("approximate")


class Bounded(Protocol):
    """Anything with an interval."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def bounds(rate: float, interval: Bounded | None) -> str:
    """A rate with its interval, without confidence and method, which must be shown nearby; "" without an interval."""
    if interval is None:
        return ""
    if rate == 0:
        return f"at most {upper(interval.high)}"
    if rate == 1:
        return f"at least {lower(interval.low)}"
    return f"{share(rate)} ({lower(interval.low)} to {upper(interval.high)})"


def highest(intervals: Iterable[RateInterval | None]) -> str:
    """`at most 0.30% each, 95% confidence`, for tests of which none failed; "" without any interval."""
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return ""
    most = max(known, key=lambda interval: interval.high)
    return f"at most {upper(most.high)} each, {100 * most.confidence:g}% confidence"


def _method(interval: RateInterval) -> str:
    return _METHODS.get(interval.method, interval.method)
