"""A rate is never shown without its interval, nor that without method and confidence."""

from flakeproof.reports.rates import by, highest, rate_with_interval
from flakeproof.results.summary import RateInterval


def interval(low: float, high: float, method: str) -> RateInterval:
    """At 95 %."""
    return RateInterval(low=low, high=high, confidence=0.95, method=method)


def test_the_highest_of_several_bounds() -> None:
    """With the method of just that one."""
    exact, watched = interval(0, 0.003, "clopper-pearson, one-sided"), interval(0, 0.007, "robbins")

    assert highest([exact, None]) == "at most 0.30% each, 95% exact, one-sided"
    assert highest([exact, watched, None]) == "at most 0.70% each, 95% Robbins, valid at every moment"
    assert highest([None]) == highest([]) == ""


def test_what_is_approximate_says_so() -> None:
    """Of both kinds."""
    assert rate_with_interval(0.025, interval(0.0032, 0.0856, "approximate, korn-graubard")) == (
        "2.50% (0.32% to 8.56%, 95% approximate, Korn-Graubard)"
    )
    assert rate_with_interval(1.0, interval(0.5, 1.0, "approximate, robbins")) == (
        "at least 50.00% (95%, approximate, Robbins, valid at every moment)"
    )
    assert by(interval(0, 1, "another")) == "95% another"
