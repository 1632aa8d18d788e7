"""Evidence from pairs that disagree: reference values and agreement with the definition."""

import math

import mpmath  # type: ignore[import-untyped]
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flakeproof.stats.comparison import log_evidence_of_effect, log_evidence_of_futility, odds_ratio
from flakeproof.stats.intervals import robbins

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
pairs = st.integers(0, 500)


@pytest.mark.parametrize(
    ("base", "fix", "expected"),
    [
        (7, 0, 53.54446739),
        (8, 0, 100.4754538),
        (16, 0, 18343.4802),
        (22, 0, 1003312.543),
        (20, 2, 1707.248474),
        (12, 12, 0.1611802578),
        (30, 10, 46.85870875),
    ],
)
def test_reference_values(base: int, fix: int, expected: float) -> None:
    """The evidence of an effect, to the digits given."""
    assert math.exp(log_evidence_of_effect(base, fix)) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("error", "wanted"), [(1e-2, 8), (1e-4, 16), (1e-6, 22)])
def test_how_many_pairs_decide(error: float, wanted: int) -> None:
    """With a fix that never fails, so many failures of the base prove it."""
    needed = next(count for count in range(100) if log_evidence_of_effect(count, 0) >= -math.log(error))
    assert needed == wanted


@pytest.mark.parametrize(
    ("base", "fix", "low", "high"),
    [
        (8, 0, 0.0, 0.7823435647),
        (20, 0, 0.0, 0.2886699438),
        (20, 2, 0.003308033, 0.6128623268),
        (30, 10, 0.0894589045, 0.9841111442),
    ],
)
def test_reference_values_of_the_odds_ratio(base: int, fix: int, low: float, high: float) -> None:
    """Fix over base, 95 %."""
    found = odds_ratio(base, fix)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-8)


@deterministic
@given(pairs, st.integers(0, 10**7), st.floats(0.5, 0.999999))
@example(few=1, many=10**7, confidence=0.999)
def test_the_odds_ratio_is_turned_round_with_the_arms(few: int, many: int, confidence: float) -> None:
    """The ratio base / fix is the reciprocal, to nine digits, however many more pairs one arm lost."""
    one, other = odds_ratio(few, many, confidence), odds_ratio(many, few, confidence)
    for low, high in ((one.low, other.high), (other.low, one.high)):
        assert low == pytest.approx(1 / high, rel=1e-9, abs=0) if low > 0 else high == math.inf


@deterministic
@given(pairs.filter(bool), st.integers(1, 10**7))
def test_the_odds_ratio_is_that_of_the_interval(few: int, many: int) -> None:
    """Its upper end is (1 - p) / p of the lower end for the share of pairs lost by the base."""
    share = robbins(few, few + many)
    found = odds_ratio(few, many)
    assert found.high == pytest.approx((1 - share.low) / share.low, rel=1e-9, abs=0)


def by_definition(base: int, fix: int, upper: object, null: object) -> float:
    """The logarithm of a mixture over the probabilities up to `upper` against `null`, with 60 digits."""
    with mpmath.workdps(60):
        half = mpmath.mpf(1) / 2
        mixture = mpmath.betainc(half + base, half + fix, 0, upper) / mpmath.betainc(half, half, 0, upper)
        return float(mpmath.log(mixture) - base * mpmath.log(null) - fix * mpmath.log(1 - mpmath.mpf(null)))


@deterministic
@given(pairs, pairs, st.floats(1.01, 1000))
def test_both_evidences_are_what_they_are_defined_as(base: int, fix: int, reduction: float) -> None:
    """They agree with the integrals to nine digits."""
    half, share = mpmath.mpf(1) / 2, reduction / (1 + reduction)
    effect = by_definition(fix, base, half, half)  # the mirror image: no digits are lost as they would be near 1
    assert log_evidence_of_effect(base, fix) == pytest.approx(effect, rel=1e-9, abs=1e-9)
    futility = by_definition(base, fix, share, share)
    assert log_evidence_of_futility(base, fix, reduction) == pytest.approx(futility, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("reduction", [1.0, 0.5, math.inf, math.nan])
def test_what_is_no_reduction(reduction: float) -> None:
    """It is named."""
    with pytest.raises(ValueError, match="a reduction must be more than 1-fold"):
        log_evidence_of_futility(1, 1, reduction)


def test_negative_counts() -> None:
    """They are named."""
    with pytest.raises(ValueError, match="got -1 and 2"):
        log_evidence_of_effect(-1, 2)
