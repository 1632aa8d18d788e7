"""Intervals for a rate read once: reference values, agreement with scipy and statsmodels, and the edges."""

import math
import re
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped]

from flakeproof.stats.intervals import Interval, clopper_pearson, jeffreys, wilson

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

IntervalMethod = Callable[[int, int, float], Interval]

confidences = st.floats(0.5, 0.999999)


@st.composite
def counts(draw: st.DrawFn, most: int = 10**6) -> tuple[int, int]:
    """Failures and trials, with few failures as likely as many."""
    trials = draw(st.integers(1, most))
    few = st.integers(0, min(trials, 30))
    return draw(st.one_of(few, st.integers(0, trials), few.map(lambda passes: trials - passes))), trials


def binomial_tail(failures: int, trials: int, rate: float) -> float:
    """P(X >= failures) for a binomial X, from its terms with 40 digits; failures must be above the mean."""
    with mpmath.workdps(40):
        p = mpmath.mpf(rate)
        ratio = p / (1 - p)
        log_first = mpmath.loggamma(trials + 1) - mpmath.loggamma(failures + 1)
        log_first += failures * mpmath.log(p) + (trials - failures) * mpmath.log(1 - p)
        term = total = mpmath.exp(log_first - mpmath.loggamma(trials - failures + 1))
        for k in range(failures, trials):
            term *= ratio * (trials - k) / (k + 1)
            total += term
            if term < total * mpmath.mpf("1e-20"):
                break
        return float(total)


@pytest.mark.parametrize(
    ("failures", "trials", "expected"),
    [
        (0, 100, ("0", "0.03621669265", "0", "0.03699349821", "0", "0.02474527002")),
        (0, 1000, ("0", "0.003682083897", "0", "0.003826758486", "0", "0.002508164341")),
        (
            1,
            50,
            (
                *("0.000506227983", "0.1064695457"),
                *("0.003539259272", "0.1049544359"),
                *("0.002166494175", "0.08968035106"),
            ),
        ),
        (
            3,
            200,
            (
                *("0.003104107622", "0.04320828192"),
                *("0.005114237793", "0.04316572879"),
                *("0.004242279147", "0.03948435865"),
            ),
        ),
        (
            20,
            1000,
            (
                *("0.01225826797", "0.03072003268"),
                *("0.01298368292", "0.03069000523"),
                *("0.01265104433", "0.03011690712"),
            ),
        ),
        (
            37,
            2000,
            (
                *("0.01305831542", "0.025410379"),
                *("0.01345134981", "0.02539476672"),
                *("0.01326888877", "0.02512192676"),
            ),
        ),
        (
            2000,
            100000,
            (
                *("0.01914122978", "0.02088676697"),
                *("0.01915054603", "0.02088633056"),
                *("0.01914612339", "0.02088166088"),
            ),
        ),
    ],
)
def test_reference_values(failures: int, trials: int, expected: tuple[str, ...]) -> None:
    """The 95 % intervals of Clopper-Pearson, Wilson and Jeffreys are the reference ones to 10 digits."""
    intervals = [method(failures, trials) for method in (clopper_pearson, wilson, jeffreys)]
    ends = [end for interval in intervals for end in (interval.low, interval.high)]
    assert expected == tuple(f"{end:.10g}" for end in ends)


@deterministic
@given(counts(), confidences)
def test_clopper_pearson_agrees_with_scipy(seen: tuple[int, int], confidence: float) -> None:
    """Both ends are the quantiles scipy gives to 1e-9 relative; its own root search ends sooner."""
    failures, trials = seen
    tail = (1 - confidence) / 2
    low = scipy_stats.beta.ppf(tail, failures, trials - failures + 1) if failures else 0
    high = scipy_stats.beta.isf(tail, failures + 1, trials - failures) if failures < trials else 1
    interval = clopper_pearson(failures, trials, confidence)
    assert interval.low == pytest.approx(low, rel=1e-9, abs=0)
    assert interval.high == pytest.approx(high, rel=1e-9, abs=0)
    searched = scipy_stats.binomtest(failures, trials).proportion_ci(confidence, "exact")
    assert (interval.low, interval.high) == pytest.approx((searched.low, searched.high), rel=1e-9, abs=1e-11)


@deterministic
@given(counts(), confidences)
def test_wilson_agrees_with_scipy(seen: tuple[int, int], confidence: float) -> None:
    """scipy's interval is the same to 1e-9, relative where scipy's own lower end has not lost its digits."""
    failures, trials = seen
    expected = scipy_stats.binomtest(failures, trials).proportion_ci(confidence, "wilson")
    interval = wilson(failures, trials, confidence)
    assert interval.low == pytest.approx(expected.low, rel=1e-9, abs=1e-14)
    assert interval.high == pytest.approx(expected.high, rel=1e-9, abs=0)


@deterministic
@given(counts(), confidences)
def test_jeffreys_agrees_with_scipy(seen: tuple[int, int], confidence: float) -> None:
    """Both ends are quantiles of scipy's beta distribution to 1e-9 relative, but for the 0 and 1 set."""
    failures, trials = seen
    posterior = scipy_stats.beta(failures + 0.5, trials - failures + 0.5)
    interval = jeffreys(failures, trials, confidence)
    low = posterior.ppf((1 - confidence) / 2) if failures else 0
    high = posterior.isf((1 - confidence) / 2) if failures < trials else 1
    assert interval.low == pytest.approx(low, rel=1e-9, abs=0)
    assert interval.high == pytest.approx(high, rel=1e-9, abs=0)


@pytest.mark.parametrize(("method", "name"), [(clopper_pearson, "beta"), (wilson, "wilson"), (jeffreys, "jeffreys")])
@pytest.mark.parametrize(("failures", "trials"), [(1, 7), (3, 200), (61, 70), (400, 20000)])
def test_agrees_with_statsmodels(method: IntervalMethod, name: str, failures: int, trials: int) -> None:
    """statsmodels computes the same interval to 1e-9 relative."""
    from statsmodels.stats.proportion import proportion_confint  # type: ignore[import-untyped]  # slow to import

    low, high = proportion_confint(failures, trials, alpha=0.01, method=name)
    interval = method(failures, trials, 0.99)
    assert (interval.low, interval.high) == pytest.approx((low, high), rel=1e-9)


@pytest.mark.parametrize("failures", [1, 40, 2_000, 200_000, 5_000_000, 9_999_990])
def test_clopper_pearson_is_right_for_ten_million_trials(failures: int) -> None:
    """With ten million trials the binomial tail beyond each end is 2.5 %, summed term by term."""
    trials = 10_000_000
    interval = clopper_pearson(failures, trials)
    assert interval.low < failures / trials < interval.high
    assert binomial_tail(failures, trials, interval.low) == pytest.approx(0.025, rel=1e-8)
    assert binomial_tail(trials - failures, trials, 1 - interval.high) == pytest.approx(0.025, rel=1e-8)


@pytest.mark.parametrize("method", [clopper_pearson, wilson, jeffreys])
@pytest.mark.parametrize("trials", [1, 2, 1000, 10_000_000])
def test_the_ends_are_exact_where_all_trials_agree(method: IntervalMethod, trials: int) -> None:
    """No failure gives a lower end of exactly 0, and no pass an upper end of exactly 1."""
    none, every = method(0, trials, 0.95), method(trials, trials, 0.95)
    assert none.low == 0.0
    assert 0 < none.high < 1
    assert every.high == 1.0
    assert every.low == pytest.approx(1 - none.high, rel=1e-12)


@pytest.mark.parametrize("method", [clopper_pearson, wilson, jeffreys])
def test_without_trials_every_rate_is_possible(method: IntervalMethod) -> None:
    """No trial leaves the whole interval from 0 to 1."""
    interval = method(0, 0, 0.95)
    assert (interval.low, interval.high) == (0.0, 1.0)


@pytest.mark.parametrize("method", [clopper_pearson, wilson, jeffreys])
def test_properties_of_every_interval(method: IntervalMethod) -> None:
    """An interval holds the rate seen, is mirrored with the outcomes, and widens with the confidence."""

    @deterministic
    @given(counts(), confidences)
    def check(seen: tuple[int, int], confidence: float) -> None:
        failures, trials = seen
        interval = method(failures, trials, confidence)
        assert 0 <= interval.low <= failures / trials <= interval.high <= 1
        mirrored = method(trials - failures, trials, confidence)
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-12)
        surer = method(failures, trials, (1 + confidence) / 2)
        assert surer.low <= interval.low
        assert interval.high <= surer.high

    check()


def test_an_interval_says_what_it_is() -> None:
    """An interval carries its confidence and its method, and cannot be changed."""
    assert (clopper_pearson(1, 9, 0.9).confidence, clopper_pearson(1, 9).confidence) == (0.9, 0.95)
    assert [method(1, 9).method for method in (clopper_pearson, wilson, jeffreys)] == [
        "clopper-pearson",
        "wilson",
        "jeffreys",
    ]
    interval = Interval(0.1, 0.2, 0.95, "wilson")
    with pytest.raises(FrozenInstanceError):
        interval.low = 0.0  # type: ignore[misc]


@pytest.mark.parametrize("method", [clopper_pearson, wilson, jeffreys])
@pytest.mark.parametrize(
    ("failures", "trials", "confidence", "message"),
    [
        (11, 10, 0.95, "failures must be between 0 and the 10 trials, got 11"),
        (-1, 10, 0.95, "failures must be between 0 and the 10 trials, got -1"),
        (0, -1, 0.95, "trials must be 0 or more, got -1"),
        (1, 10, 95.0, "confidence must be between 0 and 1 (exclusive), got 95.0"),
        (1, 10, math.nan, "confidence must be between 0 and 1 (exclusive), got nan"),
    ],
)
def test_arguments_outside_the_domain_are_named(
    method: IntervalMethod, failures: int, trials: int, confidence: float, message: str
) -> None:
    """A value outside the domain raises ValueError, which names the argument and the value."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        method(failures, trials, confidence)
