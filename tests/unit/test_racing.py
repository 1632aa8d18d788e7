"""The race of rates: posterior probabilities against scipy, and who is run next."""

import random
from collections import Counter

import pytest
from scipy import integrate, stats  # type: ignore[import-untyped]

from flakeproof.stats.racing import RacingArm, chances_best, mean_rates, next_arm


def test_the_probability_to_be_best() -> None:
    """Of two gamma posteriors, by integration."""
    arms = [RacingArm(12, 10), RacingArm(5, 8)]
    one, other = (stats.gamma(arm.failures + 0.5, scale=1 / arm.seconds) for arm in arms)
    expected = integrate.quad(lambda rate: one.pdf(rate) * other.cdf(rate), 0, 10)[0]

    found = [chances_best(arms, random.Random(seed))[0] for seed in range(20)]

    assert sum(found) / 20 == pytest.approx(expected, abs=0.02)
    assert mean_rates(arms) == [1.25, 5.5 / 8]


def test_dispersion_makes_it_less_sure() -> None:
    """Ten times the dispersion, a tenth of the failures and of the time."""
    arms = [RacingArm(120, 100), RacingArm(50, 80)]

    wide = chances_best(arms, random.Random(1), dispersion=10)

    assert wide == chances_best([RacingArm(12, 10), RacingArm(5, 8)], random.Random(1))
    assert chances_best(arms, random.Random(1))[0] > wide[0]


def test_about_as_good_is_good_enough() -> None:
    """Two alike are both as good as the best but for a half, though neither is surely the best."""
    arms = [RacingArm(100, 10), RacingArm(100, 10), RacingArm(1, 10)]

    assert max(chances_best(arms, random.Random(2))) < 0.8
    assert chances_best(arms, random.Random(2), within=0.5) == [1, 1, 0]


def test_the_two_best_are_run() -> None:
    """The best one in about half of all cases, its rival in nearly all others."""
    arms = [RacingArm(60, 10), RacingArm(40, 10), RacingArm(1, 10), RacingArm(2, 10)]
    chance = random.Random(3)

    found = Counter(next_arm(arms, chance) for _ in range(400))

    assert 150 < found[0] < 260
    assert found[2] + found[3] < 20


def test_a_rival_is_found_where_one_is_surely_best() -> None:
    """No sample names another one: then it is the second best."""
    arms = [RacingArm(1, 100), RacingArm(100_000, 100), RacingArm(50, 100)]
    chance = random.Random(4)

    assert {next_arm(arms, chance) for _ in range(20)} == {1, 2}
    assert next_arm([RacingArm(0, 1)], chance) == 0
