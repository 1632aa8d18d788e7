"""A rate is never shown without its interval, nor that without confidence."""

from flakeproof.reports.rates import highest, rate_with_interval
from flakeproof.results.summary import RateInterval


def interval(low: float, high: float, method: str) -> RateInterval:
    """At 95 %."""
    return RateInterval(low=low, high=high, confidence=0.95, method=method)


def test_the_highest_of_several_bounds() -> None:
    """With the confidence of just that one."""
    exact, watched = interval(0, 0.003, "clopper-pearson, one-sided"), interval(0, 0.007, "robbins")

    assert highest([exact, None]) == "at most 0.30% each, 95% confidence"
    assert highest([exact, watched, None]) == "at most 0.70% each, 95% confidence"
    assert highest([None]) == highest([]) == ""


def test_the_method_is_for_those_who_ask() -> None:
    """And a method that is not known by another name is told as it is."""
    exact = interval(0.01, 0.04, "clopper-pearson")

    assert rate_with_interval(0.02, exact) == "2.00% (95% interval 1.00% to 4.00%)"
    assert rate_with_interval(0.02, exact, method=True) == "2.00% (95% interval 1.00% to 4.00%, Clopper-Pearson)"
    assert rate_with_interval(0.0, interval(0, 0.04, "new"), method=True) == "at most 4.00% (95% confidence, new)"


def test_what_is_approximate_says_so() -> None:
    """Of both kinds, whether or not the method is shown."""
    assert rate_with_interval(0.025, interval(0.0032, 0.0856, "approximate, korn-graubard")) == (
        "2.50% (approximate 95% interval 0.32% to 8.56%)"
    )
    assert rate_with_interval(1.0, interval(0.5, 1.0, "approximate, robbins"), method=True) == (
        "at least 50.00% (approximate, 95% confidence, Robbins, valid at every moment)"
    )
