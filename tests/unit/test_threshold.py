"""Evidence about a rate and a threshold: reference values, agreement with the definition, what it takes to decide."""

import math

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats  # type: ignore[import-untyped]

from flakeproof.stats.detection import fewest
from flakeproof.stats.threshold import (
    further_trials,
    log_evidence_above,
    log_evidence_below,
    log_likelihood_ratio,
    trials_without_failure,
)

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
thresholds = st.floats(1e-4, 0.9)


@st.composite
def counts(draw: st.DrawFn) -> tuple[int, int]:
    """Failures and trials, with few failures as likely as many."""
    trials = draw(st.integers(0, 5000))
    return draw(st.one_of(st.integers(0, min(trials, 20)), st.integers(0, trials))), trials


def by_definition(failures: int, trials: int, threshold: float, *, below: bool) -> float:
    """The logarithm of the quotient of integrals, with 60 digits."""
    with mpmath.workdps(60):
        half, t = mpmath.mpf(1) / 2, mpmath.mpf(threshold)
        a, b, upper = half + failures, half + trials - failures, t
        if not below:
            a, b, upper = b, a, 1 - t  # the mirror image: no digits are lost as they would be near 1
        mixture = mpmath.betainc(a, b, 0, upper) / mpmath.betainc(half, half, 0, upper)
        return float(mpmath.log(mixture) - failures * mpmath.log(t) - (trials - failures) * mpmath.log(1 - t))


@pytest.mark.parametrize(
    ("failures", "trials", "expected"),
    [(0, 228, 41.28396007), (0, 277, 100.9619673), (1, 500, 333.8131802), (3, 1000, 26000.80853)],
)
def test_reference_values(failures: int, trials: int, expected: float) -> None:
    """The evidence that a rate is below 2 %, to the digits given."""
    assert math.exp(log_evidence_below(failures, trials, 0.02)) == pytest.approx(expected, rel=1e-9)


def test_reference_values_of_walds_test() -> None:
    """What a pass and a failure add, and the first trials at which 1 % is decided."""
    assert log_likelihood_ratio(0, 1, 0.02, 0.002) == pytest.approx(0.01820070465, rel=1e-9)
    assert log_likelihood_ratio(1, 1, 0.02, 0.002) == pytest.approx(-2.302585093, rel=1e-9)
    for failures, first in ((0, 254), (1, 381)):
        values = [log_likelihood_ratio(failures, trials, 0.02, 0.002) for trials in (first - 1, first)]
        assert [value >= math.log(100) for value in values] == [False, True]


@pytest.mark.parametrize(
    ("threshold", "mixture", "wald"),
    [
        (0.05, (109, 205, 299), (100, 200, 299)),
        (0.02, (277, 521, 758), (254, 507, 760)),
        (0.015, (370, 696, 1_013), (339, 677, 1_015)),
        (0.005, (1_115, 2_097, 3_053), (1_021, 2_042, 3_062)),
        (0.001, (5_585, 10_502, 15_293), (5_115, 10_229, 15_343)),
    ],
)
def test_reference_values_of_trials_without_failure(
    threshold: float, mixture: tuple[int, ...], wald: tuple[int, ...]
) -> None:
    """So many decide at errors of 1e-2, 1e-4 and 1e-6, by the mixture and by Wald's test for a tenth of the rate."""
    errors = (1e-2, 1e-4, 1e-6)
    assert mixture == tuple(trials_without_failure(threshold, error) for error in errors)
    assert wald == tuple(
        fewest(lambda n: log_likelihood_ratio(0, n, threshold, threshold / 10) >= -math.log(error))  # noqa: B023
        for error in errors
    )


@deterministic
@given(counts(), thresholds, st.floats(0.001, 0.999))
def test_walds_statistic_agrees_with_scipy(seen: tuple[int, int], threshold: float, share: float) -> None:
    """It is the logarithm of the quotient of scipy's binomial probabilities."""
    alternative = threshold * share
    expected = scipy_stats.binom.logpmf(*seen, alternative) - scipy_stats.binom.logpmf(*seen, threshold)
    assert log_likelihood_ratio(*seen, threshold, alternative) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@deterministic
@given(counts(), thresholds)
def test_both_evidences_are_what_they_are_defined_as(seen: tuple[int, int], threshold: float) -> None:
    """They agree with the integrals to nine digits."""
    for below, function in ((True, log_evidence_below), (False, log_evidence_above)):
        expected = by_definition(*seen, threshold, below=below)
        assert function(*seen, threshold) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_nothing_seen_is_no_evidence() -> None:
    """Without trials each evidence is 1."""
    assert log_evidence_below(0, 0, 0.02) == pytest.approx(0, abs=1e-12)
    assert log_evidence_above(0, 0, 0.02) == pytest.approx(0, abs=1e-12)


@deterministic
@given(thresholds, st.floats(1e-9, 0.5))
def test_the_fewest_trials_without_failure(threshold: float, error: float) -> None:
    """One fewer does not decide."""
    trials = trials_without_failure(threshold, error)
    assert log_evidence_below(0, trials, threshold) >= -math.log(error)
    assert trials == 1 or log_evidence_below(0, trials - 1, threshold) < -math.log(error)


@pytest.mark.parametrize(("failures", "trials"), [(0, 10), (3, 1000), (30, 100)])
def test_how_many_more(failures: int, trials: int) -> None:
    """At the rate seen so far, so many more trials decide, and clearly fewer do not."""
    more = further_trials(failures, trials, 0.02, 1e-6)
    assert more is not None
    rate = failures / trials

    def evidence(total: float) -> float:
        expected = round(rate * total)
        function = log_evidence_below if rate < 0.02 else log_evidence_above
        return function(expected, round(total), 0.02)

    assert (more == 0) == (evidence(trials) >= math.log(1e6))
    if more:
        assert evidence(trials + more) >= math.log(1e6)
        assert evidence(trials + 0.9 * more) < math.log(1e6)


def test_a_rate_on_the_threshold_is_never_decided() -> None:
    """It would take for ever, and that is said."""
    assert further_trials(40, 2000, 0.02, 0.05) is None


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, math.nan])
def test_what_is_no_threshold(threshold: float) -> None:
    """It is named."""
    with pytest.raises(ValueError, match="threshold must be between 0 and 1"):
        log_evidence_below(0, 1, threshold)
