"""How many trials show a failure: reference values, agreement with mpmath and scipy, and the edges."""

import math
import re
from collections.abc import Callable

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped]

from flakeproof.stats.detection import (
    detection_probability,
    miss_probability,
    predictive_detection,
    predictive_trials_needed,
    trials_for_failures,
    trials_needed,
    zero_failure_bound,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=80)

CONFIDENCES = (0.5, 0.95, 0.99, 0.999, 0.9999, 0.999999)

rates = st.floats(-7, -0.01).map(lambda exponent: 10.0**exponent)
confidences = st.floats(0.01, 1 - 1e-9)


def exact_trials_needed(rate: float, confidence: float) -> float:
    """log(1-P) / log(1-p) to 40 digits, not rounded up."""
    with mpmath.workdps(40):
        return float(mpmath.log(1 - mpmath.mpf(confidence)) / mpmath.log(1 - mpmath.mpf(rate)))


@pytest.mark.parametrize(
    ("rate", "expected", "unrounded_at_99"),
    [
        (0.05, (14, 59, 90, 135, 180, 270), 89.781135),
        (0.02, (35, 149, 228, 342, 456, 684), 227.948171),
        (0.015, (46, 199, 305, 458, 610, 915), 304.702961),
        (0.005, (139, 598, 919, 1379, 1838, 2757), 918.729528),
        (0.001, (693, 2995, 4603, 6905, 9206, 13809), 4602.86722),
    ],
)
def test_trials_needed_reference_values(rate: float, expected: tuple[int, ...], unrounded_at_99: float) -> None:
    """The number of trials is the one of the reference table, computed with 40 digits."""
    assert expected == tuple(trials_needed(rate, confidence) for confidence in CONFIDENCES)
    assert exact_trials_needed(rate, 0.99) == pytest.approx(unrounded_at_99, abs=5.1e-6)


@pytest.mark.parametrize(
    ("trials", "expected"),
    [
        (50, "0.635830319913"),
        (100, "0.867380444105"),
        (149, "0.950718345670"),
        (228, "0.990010465344"),
        (1000, "0.999999998317"),
    ],
)
def test_detection_probability_reference_values(trials: int, expected: str) -> None:
    """The detection probability at a rate of 2 % is the one of the reference table to 12 digits."""
    assert expected == f"{detection_probability(0.02, trials):.12f}"


def test_miss_probability_reference_value() -> None:
    """The probability of missing a 2 % flake in 2000 trials has its digits, though 1 minus it rounds to 1."""
    assert f"{miss_probability(0.02, 2000):.7e}" == "2.8323791e-18"
    assert detection_probability(0.02, 2000) == 1.0


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (1, (149, 228, 456, 684)),
        (2, (299, 459, 917, 1_375)),
        (10, (1_497, 2_301, 4_601, 6_901)),
        (100, (14_978, 23_024, 46_048, 69_071)),
        (1000, (149_786, 230_257, 460_513, 690_769)),
    ],
)
def test_trials_that_show_a_rate_to_be_so_many_times_lower(ratio: int, expected: tuple[int, ...]) -> None:
    """The trials without a failure that a rate of 2 % divided by the ratio takes are those of the reference table."""
    assert expected == tuple(trials_needed(0.02 / ratio, 1 - error) for error in (0.05, 1e-2, 1e-4, 1e-6))


def test_miss_probability_of_independent_trials_reference_value() -> None:
    """Fifty trials miss a 2 % flake as often as the reference says."""
    assert f"{miss_probability(0.02, 50):.10g}" == "0.3641696801"


@pytest.mark.parametrize(
    ("failures", "at_95", "at_99"),
    [(1, 149, 228), (2, 236, 330), (3, 313, 418), (5, 456, 577), (10, 782, 935), (20, 1390, 1586)],
)
def test_trials_for_failures_reference_values(failures: int, at_95: int, at_99: int) -> None:
    """The trials that show several failures at a rate of 2 % are those of the reference table."""
    assert (at_95, at_99) == tuple(trials_for_failures(0.02, confidence, failures) for confidence in (0.95, 0.99))


@pytest.mark.parametrize(
    ("trials", "expected", "plug_in"),
    [
        (50, "0.5440705507", 0.53030977),
        (100, "0.7598474364", 0.77939109),
        (228, "0.9310628221", 0.96812424),
        (500, "0.9877275286", 0.99947747),
    ],
)
def test_predictive_detection_reference_values(trials: int, expected: str, plug_in: float) -> None:
    """After 3 failures in 200 trials the prediction is the reference one, not that for the rate 3/200."""
    assert expected == f"{predictive_detection(3, 200, trials):.10f}"
    assert detection_probability(3 / 200, trials) == pytest.approx(plug_in, abs=1e-8)


@pytest.mark.parametrize(
    ("trials", "confidence", "expected"),
    [
        (10, 0.95, ".25886555"),
        (59, 0.95, ".04950761"),
        (228, 0.99, ".019995499"),
        (1000, 0.95, ".0029912495"),
        (1000, 0.95, ".00299"),
        (2000, 0.95, ".00150"),
        (100_000, 0.95, ".000030"),
        (250_000, 0.95, ".000012"),
    ],
)
def test_zero_failure_bound_reference_values(trials: int, confidence: float, expected: str) -> None:
    """The upper bound after trials without a failure is the reference one to all digits given."""
    decimals = len(expected) - 1
    assert f"0{expected}" == f"{zero_failure_bound(trials, confidence):.{decimals}f}"


@deterministic
@given(rates, confidences)
def test_trials_needed_is_the_smallest_number(rate: float, confidence: float) -> None:
    """So many trials reach the confidence and one fewer does not, but for rounding."""
    trials = trials_needed(rate, confidence)
    allowed = 1 - confidence
    assert miss_probability(rate, trials) <= allowed * (1 + 1e-9)
    assert miss_probability(rate, trials - 1) > allowed * (1 - 1e-9)


@deterministic
@given(rates, confidences)
def test_trials_needed_agrees_with_mpmath(rate: float, confidence: float) -> None:
    """The number is the exact quotient rounded up, unless that is an integer to within rounding."""
    exact = exact_trials_needed(rate, confidence)
    assert trials_needed(rate, confidence) in {max(1, math.ceil(exact * (1 - 1e-9))), math.ceil(exact)}


@deterministic
@given(st.integers(1, 40), st.sampled_from([0.5, 0.25, 0.125, 0.75, 0.875]))
def test_an_exact_number_of_trials_is_not_rounded_up(trials: int, rate: float) -> None:
    """Where n trials reach the confidence exactly, the quotient's rounding error adds no further trial."""
    confidence = detection_probability(rate, trials)
    if confidence < 1 - 1e-3:
        assert trials_needed(rate, confidence) == trials
        assert trials_for_failures(rate, confidence, 1) == trials


@deterministic
@given(rates, st.integers(0, 10**8))
def test_detection_and_miss_agree_with_mpmath(rate: float, trials: int) -> None:
    """Both probabilities are right to 1e-9 relative, whichever of them is the small one."""
    with mpmath.workdps(60):
        log_miss = trials * mpmath.log(1 - mpmath.mpf(rate))
        miss, detection = float(mpmath.exp(log_miss)), float(-mpmath.expm1(log_miss))
    assert miss_probability(rate, trials) == pytest.approx(miss, rel=1e-9, abs=1e-300)
    assert detection_probability(rate, trials) == pytest.approx(detection, rel=1e-9, abs=0)


@deterministic
@given(st.floats(-5, -0.01).map(lambda exponent: 10.0**exponent), confidences, st.integers(1, 60))
def test_trials_for_failures_agrees_with_scipy(rate: float, confidence: float, failures: int) -> None:
    """scipy's binomial tail is small enough at that number of trials, and not at one fewer."""
    trials = trials_for_failures(rate, confidence, failures)
    allowed = 1 - confidence
    assert trials >= failures
    assert scipy_stats.binom.cdf(failures - 1, trials, rate) <= allowed * (1 + 1e-8)
    assert scipy_stats.binom.cdf(failures - 1, trials - 1, rate) > allowed * (1 - 1e-8)


@deterministic
@given(rates, confidences)
def test_one_failure_takes_the_trials_needed(rate: float, confidence: float) -> None:
    """Asking for at least one failure is the same as asking for a detection."""
    assert trials_for_failures(rate, confidence, 1) == trials_needed(rate, confidence)


@deterministic
@given(st.data(), st.integers(0, 10**6), st.integers(1, 10**7))
def test_predictive_detection_agrees_with_mpmath(data: st.DataObject, seen: int, trials: int) -> None:
    """The beta-binomial predictive probability is right to 1e-9 relative."""
    failures = data.draw(st.integers(0, seen))
    with mpmath.workdps(60):
        a, b = mpmath.mpf(failures) + 0.5, mpmath.mpf(seen - failures) + 0.5
        log_miss = (
            mpmath.loggamma(b + trials) + mpmath.loggamma(a + b) - mpmath.loggamma(b) - mpmath.loggamma(a + b + trials)
        )
        expected = float(-mpmath.expm1(log_miss))
    assert predictive_detection(failures, seen, trials) == pytest.approx(expected, rel=1e-9, abs=0)


@pytest.mark.parametrize(("failures", "seen", "trials"), [(0, 30, 100), (3, 200, 228), (40, 41, 2)])
def test_predictive_detection_agrees_with_scipy(failures: int, seen: int, trials: int) -> None:
    """It is the probability scipy's beta-binomial distribution gives to at least one failure."""
    expected = scipy_stats.betabinom.sf(0, trials, failures + 0.5, seen - failures + 0.5)
    assert predictive_detection(failures, seen, trials) == pytest.approx(expected, rel=1e-9)


@deterministic
@given(st.data(), st.integers(1, 10**4), st.floats(0.01, 0.999))
def test_predictive_trials_needed_is_the_smallest_number(data: st.DataObject, seen: int, confidence: float) -> None:
    """So many further trials reach the confidence and one fewer does not, but for rounding."""
    failures = data.draw(st.integers(0, seen))
    trials = predictive_trials_needed(failures, seen, confidence, limit=10**15)
    assert trials is not None
    assert predictive_detection(failures, seen, trials) >= confidence * (1 - 1e-9)
    if trials > 1:
        assert predictive_detection(failures, seen, trials - 1) < confidence * (1 + 1e-9)


def test_predictive_trials_needed_is_more_than_the_plug_in_promises() -> None:
    """After 3 failures in 200 trials, 99 % takes 543 more; a rate of 3/200 would promise it at 305."""
    assert predictive_trials_needed(3, 200, 0.99) == 543
    assert trials_needed(3 / 200, 0.99) == 305


def test_predictive_trials_needed_within_a_limit() -> None:
    """The limit itself may be the answer; one below it there is none, and no failure seen promises little."""
    assert predictive_trials_needed(3, 200, 0.99, limit=543) == 543
    assert predictive_trials_needed(3, 200, 0.99, limit=542) is None
    assert predictive_trials_needed(0, 200, 0.9999) is None


def test_no_trials_detect_nothing() -> None:
    """Zero trials have a detection probability of 0 and a miss probability of 1."""
    assert detection_probability(0.3, 0) == 0.0
    assert miss_probability(0.3, 0) == 1.0
    assert predictive_detection(3, 200, 0) == 0.0
    assert "0.0" == str(detection_probability(0.3, 0)) == str(predictive_detection(3, 200, 0))


def test_any_promise_takes_at_least_one_trial() -> None:
    """A confidence close to 0 and a rate close to 1 still take one trial."""
    assert trials_needed(0.999999, 1e-15) == 1
    assert trials_for_failures(0.999999, 1e-15, 1) == 1


@deterministic
@given(st.integers(1, 10**9), confidences)
def test_zero_failure_bound_agrees_with_mpmath(trials: int, confidence: float) -> None:
    """It is right to 1e-9 relative, however small."""
    with mpmath.workdps(40):
        expected = float(1 - (1 - mpmath.mpf(confidence)) ** (mpmath.mpf(1) / trials))
    assert zero_failure_bound(trials, confidence) == pytest.approx(expected, rel=1e-9, abs=0)


@deterministic
@given(st.integers(1, 10**7), confidences)
def test_zero_failure_bound_undoes_trials_needed(trials: int, confidence: float) -> None:
    """At the bound, so many trials would have shown a failure with just that confidence."""
    bound = zero_failure_bound(trials, confidence)
    if 0 < bound < 1:
        assert miss_probability(bound, trials) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trials_needed(1.5, 0.9), "rate must be between 0 and 1 (exclusive), got 1.5"),
        (lambda: trials_needed(0, 0.9), "rate must be between 0 and 1 (exclusive), got 0"),
        (lambda: trials_needed(math.nan, 0.9), "rate must be between 0 and 1 (exclusive), got nan"),
        (lambda: trials_needed(0.1, 1), "confidence must be between 0 and 1 (exclusive), got 1"),
        (lambda: trials_needed(5e-324, 0.9), "rate is too small to count the trials, got 5e-324"),
        (lambda: detection_probability(-0.1, 5), "rate must be between 0 and 1 (exclusive), got -0.1"),
        (lambda: detection_probability(0.1, -5), "trials must be 0 or more, got -5"),
        (lambda: miss_probability(0.1, -1), "trials must be 0 or more, got -1"),
        (lambda: trials_for_failures(1, 0.9, 1), "rate must be between 0 and 1 (exclusive), got 1"),
        (lambda: trials_for_failures(0.1, 0, 1), "confidence must be between 0 and 1 (exclusive), got 0"),
        (lambda: trials_for_failures(0.1, 0.9, 0), "failures must be 1 or more, got 0"),
        (lambda: predictive_detection(3, 2, 1), "failures must be between 0 and the 2 trials, got 3"),
        (lambda: predictive_detection(0, -2, 1), "trials must be 0 or more, got -2"),
        (lambda: predictive_detection(0, 2, -1), "trials must be 0 or more, got -1"),
        (lambda: predictive_trials_needed(-1, 2, 0.9), "failures must be between 0 and the 2 trials, got -1"),
        (
            lambda: predictive_trials_needed(1, 2, 1.2),
            "confidence must be between 0 and 1 (exclusive), got 1.2",
        ),
        (lambda: predictive_trials_needed(1, 2, 0.9, limit=0), "limit must be 1 or more, got 0"),
        (lambda: zero_failure_bound(0, 0.95), "trials must be 1 or more, got 0"),
        (lambda: zero_failure_bound(5, -1), "confidence must be between 0 and 1 (exclusive), got -1"),
    ],
)
def test_arguments_outside_the_domain_are_named(call: Callable[[], object], message: str) -> None:
    """A value outside the domain raises ValueError, which names the argument and the value."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()
