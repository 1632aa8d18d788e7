"""The confidence sequence: reference values, agreement with its definition, and the running intersection."""

import re

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flakeproof.stats.intervals import Interval, clopper_pearson, intersect, robbins, wilson

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

confidences = st.floats(0.5, 0.999999)


@st.composite
def counts(draw: st.DrawFn, most: int = 10**7) -> tuple[int, int]:
    """Failures and trials, with few failures as likely as many."""
    trials = draw(st.integers(1, most))
    few = st.integers(0, min(trials, 30))
    return draw(st.one_of(few, st.integers(0, trials), few.map(lambda passes: trials - passes))), trials


def evidence_left(failures: int, trials: int, confidence: float, rate: object) -> float:
    """log(1/alpha) less the log of the martingale at a rate, with 50 digits: positive in the interval."""
    with mpmath.workdps(50):
        half = mpmath.mpf(1) / 2
        mixture = mpmath.loggamma(half + failures) + mpmath.loggamma(half + trials - failures)
        mixture -= mpmath.loggamma(trials + 1) + mpmath.log(mpmath.pi)
        p = mpmath.mpf(rate)
        likelihood = failures * mpmath.log(p) + (trials - failures) * mpmath.log(1 - p)
        return float(likelihood - mixture - mpmath.log(1 - mpmath.mpf(confidence)))


@pytest.mark.parametrize(
    ("failures", "trials", "low", "high"),
    [
        (0, 100, "0", "0.05702859764"),
        (0, 1000, "0", "0.006997502521"),
        (1, 50, "4.027599338e-05", "0.1550947665"),
        (3, 200, "0.0008253953759", "0.06512992817"),
        (20, 1000, "0.007818989085", "0.0406354059"),
        (37, 2000, "0.009355166965", "0.03212638779"),
        (2000, 100000, "0.0181810941", "0.02193380743"),
    ],
)
def test_reference_values(failures: int, trials: int, low: str, high: str) -> None:
    """The 95 % intervals are the reference ones to 10 digits."""
    interval = robbins(failures, trials)
    assert (low, high) == (f"{interval.low:.10g}", f"{interval.high:.10g}")


@deterministic
@given(counts(), confidences)
def test_ends_are_where_the_martingale_reaches_its_bound(seen: tuple[int, int], confidence: float) -> None:
    """By the definition with 50 digits, each end lies inside and outside if moved by one part in 1e9."""
    failures, trials = seen
    interval = robbins(failures, trials, confidence)
    for end, inward in ((interval.low, 1), (interval.high, -1)):
        if end in (0.0, 1.0):
            continue
        step = min(1e-9 * end, (1 - end) / 2) * inward
        with mpmath.workdps(50):
            inside, outside = mpmath.mpf(end) + step, mpmath.mpf(end) - step
        assert evidence_left(failures, trials, confidence, inside) > 0
        assert evidence_left(failures, trials, confidence, outside) < 0


@deterministic
@given(counts(), confidences)
def test_properties_of_every_interval(seen: tuple[int, int], confidence: float) -> None:
    """It holds the rate seen, is mirrored with the outcomes, widens with the confidence, and moves with k."""
    failures, trials = seen
    interval = robbins(failures, trials, confidence)
    assert 0 <= interval.low < interval.high <= 1
    assert interval.low <= failures / trials <= interval.high
    mirrored = robbins(trials - failures, trials, confidence)
    assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((interval.low, interval.high), abs=1e-12)
    surer = robbins(failures, trials, (1 + confidence) / 2)
    assert surer.low <= interval.low
    assert interval.high <= surer.high
    if failures < trials:
        more = robbins(failures + 1, trials, confidence)
        assert interval.low < more.low
        assert interval.high < more.high or more.high == 1


@pytest.mark.parametrize(("failures", "trials"), [(0, 40), (1, 40), (20, 1000), (999, 1000), (1000, 1000)])
def test_looking_at_any_time_costs_width(failures: int, trials: int) -> None:
    """The confidence sequence holds the interval that may be read only once."""
    sequence, once = robbins(failures, trials), clopper_pearson(failures, trials)
    assert sequence.low <= once.low
    assert once.high <= sequence.high


@pytest.mark.parametrize("trials", [1, 2, 1000, 10_000_000])
def test_the_ends_are_exact_where_all_trials_agree(trials: int) -> None:
    """No failure gives a lower end of exactly 0, and no pass an upper end of exactly 1."""
    none, every = robbins(0, trials), robbins(trials, trials)
    assert none.low == 0.0
    assert 0 < none.high < 1
    assert every.high == 1.0
    assert every.low == pytest.approx(1 - none.high, rel=1e-12)


def test_without_trials_every_rate_is_possible() -> None:
    """Before the first trial the interval is the whole of 0 to 1."""
    assert robbins(0, 0) == Interval(0.0, 1.0, 0.95, "robbins")


def test_intersection_never_widens() -> None:
    """Of two looks the tighter end counts on each side, in either order."""
    early, late = robbins(1, 100), robbins(9, 400)
    both = intersect(early, late)
    assert both == Interval(max(early.low, late.low), min(early.high, late.high), 0.95, "robbins")
    assert both == intersect(late, early)
    assert both == intersect(both, late)


def test_looks_that_contradict_each_other_leave_nothing() -> None:
    """A rate that was 1/2 and then fell to nothing is not one rate: no interval is made up for it."""
    assert intersect(robbins(50, 100), robbins(50, 2000)) is None


@pytest.mark.parametrize(
    ("previous", "current", "message"),
    [
        (
            robbins(1, 9),
            wilson(1, 9),
            "only looks at a confidence sequence may be intersected, got wilson",
        ),
        (
            robbins(1, 9, 0.9),
            robbins(1, 9, 0.99),
            "both looks must have the same confidence, got 0.9 and 0.99",
        ),
    ],
)
def test_only_looks_at_one_sequence_are_intersected(previous: Interval, current: Interval, message: str) -> None:
    """Intervals that may be read once, or that promise different things, have no valid intersection."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        intersect(previous, current)


@pytest.mark.parametrize(
    ("failures", "trials", "confidence", "message"),
    [
        (11, 10, 0.95, "failures must be between 0 and the 10 trials, got 11"),
        (0, -1, 0.95, "trials must be 0 or more, got -1"),
        (1, 10, 1.0, "confidence must be between 0 and 1 (exclusive), got 1.0"),
    ],
)
def test_arguments_outside_the_domain_are_named(failures: int, trials: int, confidence: float, message: str) -> None:
    """A value outside the domain raises ValueError, which names the argument and the value."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        robbins(failures, trials, confidence)
