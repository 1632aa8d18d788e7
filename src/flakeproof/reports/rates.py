"""A rate with its interval, in words: it is never shown without one."""

from collections.abc import Iterable
from typing import Protocol

from flakeproof.results.summary import RateInterval
from flakeproof.text import lower, share, upper

_METHODS = {
    "clopper-pearson": "Clopper-Pearson",
    "clopper-pearson, one-sided": "exact, one-sided",
    "robbins": "Robbins, valid at every moment",
    "approximate, korn-graubard": "approximate, Korn-Graubard",
    "approximate, robbins": "approximate, Robbins, valid at every moment",
}


def rate_with_interval(rate: float, interval: RateInterval) -> str:
    """`1.77% (1.52% to 2.05%, 95% Clopper-Pearson)`, or `at most 0.30% (95%, …)` when nothing failed."""
    if 0 < rate < 1:
        return f"{share(rate)} ({lower(interval.low)} to {upper(interval.high)}, {by(interval)})"
    return f"{bounds(rate, interval)} ({100 * interval.confidence:g}%, {_method(interval)})"


class Bounded(Protocol):
    """Anything with an interval."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def bounds(rate: float, interval: Bounded | None) -> str:
    """The same without confidence and method, which have to stand nearby; "" where no trial tells anything."""
    if interval is None:
        return ""
    if rate == 0:
        return f"at most {upper(interval.high)}"
    if rate == 1:
        return f"at least {lower(interval.low)}"
    return f"{share(rate)} ({lower(interval.low)} to {upper(interval.high)})"


def highest(intervals: Iterable[RateInterval | None]) -> str:
    """`at most 0.30% each, 95% exact, one-sided`: of tests none of which failed; "" where there are none."""
    known = [interval for interval in intervals if interval is not None]
    if not known:
        return ""
    most = max(known, key=lambda interval: interval.high)
    return f"at most {upper(most.high)} each, {by(most)}"


def by(interval: RateInterval) -> str:
    """`95% Clopper-Pearson`: confidence and method."""
    return f"{100 * interval.confidence:g}% {_method(interval)}"


def _method(interval: RateInterval) -> str:
    return _METHODS.get(interval.method, interval.method)
