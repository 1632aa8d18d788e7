"""Randomisation tests and odds ratios of a factorial, against known figures, statsmodels and enumeration."""

import itertools
import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from flakeproof.stats.factorial import (
    Draw,
    Table,
    dispersion,
    flipped_pairs,
    mantel_haenszel,
    randomisation_test,
    rate_ratio,
    studentised,
)
from flakeproof.stats.intervals import wilson

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
GOLDEN: list[Table] = [((12, 488), (3, 497)), ((9, 491), (2, 498)), ((15, 485), (5, 495))]
cells = st.integers(1, 400)
tables = st.lists(st.tuples(st.tuples(cells, cells), st.tuples(cells, cells)), min_size=1, max_size=5)


def test_the_odds_ratio_of_known_figures() -> None:
    """Mantel and Haenszel with the interval of Robins, Breslow and Greenland."""
    found = mantel_haenszel(GOLDEN)

    assert (found.value, found.low, found.high) == pytest.approx((3.668856498, 1.81331997, 7.42312897), rel=1e-8)


@deterministic
@given(tables)
def test_odds_ratios_agree_with_statsmodels(strata: list[Table]) -> None:
    """Whatever the strata."""
    from statsmodels.stats.contingency_tables import StratifiedTable  # type: ignore[import-untyped]  # slow to import

    expected = StratifiedTable([[list(row) for row in table] for table in strata])
    found = mantel_haenszel(strata)

    assert found.value == pytest.approx(float(expected.oddsratio_pooled))
    assert (found.low, found.high) == pytest.approx(tuple(map(float, expected.oddsratio_pooled_confint(0.05))))


def test_an_odds_ratio_with_an_empty_cell() -> None:
    """The end about which nothing is known is open, the other one is what half a trial more in each cell gives."""
    found = mantel_haenszel([((9, 91), (0, 100))])

    assert found.value == pytest.approx(9.5 / 91.5 * 100.5 / 0.5)
    assert found.high == math.inf
    assert 1 < found.low < found.value
    assert mantel_haenszel([((0, 100), (9, 91))]).low == 0
    assert mantel_haenszel([((3, 4), (0, 0))]) == mantel_haenszel([])
    assert (mantel_haenszel([]).low, mantel_haenszel([]).high) == (0, math.inf)


def test_dispersion_widens_the_interval() -> None:
    """By its root, on the logarithm."""
    narrow, wide = mantel_haenszel(GOLDEN), mantel_haenszel(GOLDEN, dispersion=4)

    assert wide.value == narrow.value
    assert math.log(wide.high / wide.value) == pytest.approx(2 * math.log(narrow.high / narrow.value))


def test_dispersion_is_pearsons() -> None:
    """Its statistic is that of scipy; batches that differ less than by chance count as independent."""
    cell = [(1, 50), (7, 60), (20, 55)]
    expected = float(stats.chi2_contingency([[1, 7, 20], [49, 53, 35]], correction=False).statistic) / 2

    assert dispersion([cell, [(0, 10), (0, 20)]]) == pytest.approx(expected)
    assert dispersion([[(5, 50), (5, 50)]]) == 1
    assert dispersion([]) == 1


scores = st.lists(
    st.tuples(st.booleans(), st.integers(-5000, 5000).map(lambda one: one / 1000)), min_size=1, max_size=8
)
"""In steps: two scores that differ by less than rounding are tied for one computation and not for the other."""


@settings(derandomize=True, deadline=None, max_examples=30)
@given(scores, st.sampled_from([0.2, 0.5]))
def test_the_randomisation_test_is_about_what_enumeration_says(found: list[tuple[bool, float]], chance: float) -> None:
    """All that might have been drawn, each with its probability."""
    draws = [Draw(on, chance, score) for on, score in found]
    seen = studentised(draws)
    expected = 0.0
    for way in itertools.product((True, False), repeat=len(draws)):
        other = studentised([Draw(on, chance, one.score) for on, one in zip(way, draws, strict=True)])
        weight = math.prod(chance if on else 1 - chance for on in way)
        expected += weight * (math.copysign(1, seen) * other >= abs(seen) - 1e-9)
    expected = min(1.0, 2 * expected) if abs(seen) > 1e-12 else 1.0

    found_p = [randomisation_test(draws, seed, 999) for seed in range(20)]
    assert sum(found_p) / 20 == pytest.approx(expected, abs=0.02, rel=0.3)


def test_a_factor_that_makes_batches_vary_is_not_blamed() -> None:
    """Three times the spread while it is on, the same mean: found at 5 % in 5 % (in 12 %, were it not studentised)."""
    chance = random.Random(5)
    found = 0
    for seed in range(300):
        drawn = [chance.random() < 0.3 for _ in range(200)]
        draws = [Draw(on, 0.3, chance.gauss(0, 3 if on else 1)) for on in drawn]
        found += randomisation_test(draws, seed, 399) <= 0.05

    assert found <= 24


def test_a_clear_factor_is_found() -> None:
    """Every batch with it has more: the p-value is as small as the number of drawings allows."""
    draws = [Draw(place % 3 == 0, 1 / 3, 1.0 if place % 3 == 0 else -0.5) for place in range(60)]

    assert randomisation_test(draws, 1) == pytest.approx(2 / 4000)
    assert randomisation_test(draws, 1, redraws=9999) == pytest.approx(2 / 10_000)
    assert randomisation_test([Draw(True, 0.5, 0.0)], 1) == 1


@deterministic
@given(st.lists(st.integers(-3, 3), max_size=12))
def test_flipped_pairs_agree_with_scipy(differences: list[int]) -> None:
    """Its permutation test of paired samples, which counts all flips too."""
    whole = [one for one in differences if one]
    if not whole:
        assert flipped_pairs(differences, 1) == 1
        return
    expected = sum(
        sum(sign * one for sign, one in zip(signs, whole, strict=True)) >= sum(whole)
        for signs in itertools.product((1, -1), repeat=len(whole))
    ) / 2 ** len(whole)
    assert flipped_pairs(differences, 1) == pytest.approx(expected)


def test_many_flipped_pairs_are_simulated() -> None:
    """About the exact probability of the sign test, where all differences are alike."""
    differences = [1.0] * 15 + [-1.0] * 5
    expected = float(stats.binomtest(15, 20, alternative="greater").pvalue)

    assert flipped_pairs(differences, 3) == pytest.approx(expected, rel=0.5)
    assert flipped_pairs([1.0] * 30, 3) == pytest.approx(1 / 4000)


def test_the_ratio_of_rates() -> None:
    """20 of 100 against 2 of 100: the equations of Donner and Zou, solved by hand; without failures it is open."""
    over, under = wilson(20, 100), wilson(2, 100)
    low, high = rate_ratio(0.2, over, 0.02, under)

    # At an end r of the interval, (0.2 - 0.02 r)^2 is the sum of the squared distances to the ends of the intervals.
    assert (0.2 - 0.02 * low) ** 2 == pytest.approx((0.2 - over.low) ** 2 + low**2 * (under.high - 0.02) ** 2)
    assert (0.2 - 0.02 * high) ** 2 == pytest.approx((over.high - 0.2) ** 2 + high**2 * (0.02 - under.low) ** 2)
    assert low < 10 < high
    assert rate_ratio(0.2, over, 0.0, wilson(0, 100))[1] == math.inf
    assert rate_ratio(0.0, wilson(0, 100), 0.02, under)[0] == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: randomisation_test([Draw(True, 1.5, 1.0)], 1),
        lambda: randomisation_test([Draw(True, 0.5, math.nan)], 1),
        lambda: mantel_haenszel([((1, -1), (1, 1))]),
        lambda: mantel_haenszel(GOLDEN, dispersion=0),
    ],
)
def test_what_makes_no_sense_is_refused(call: "st.SearchStrategy[None]") -> None:
    """With the value."""
    with pytest.raises(ValueError, match="needed, got"):
        call()  # type: ignore[operator]
