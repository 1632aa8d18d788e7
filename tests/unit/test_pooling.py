"""Rates of many tests, each estimated with the help of all."""

import math
import random

import pytest
from scipy.stats import betabinom  # type: ignore[import-untyped]

from flakeproof.stats.pooling import RatePrior, fit_prior


def test_one_of_two_does_not_outrank_thirty_of_four_hundred() -> None:
    """Most tests never fail; what has run twice has hardly said anything."""
    prior = fit_prior([*[(0, 400)] * 500, (1, 2), (30, 400), (4, 400)])
    assert prior.interval(1, 2).low < prior.interval(30, 400).low
    assert prior.mean(30, 400) == pytest.approx(30 / 400, rel=0.1)


def test_the_fit_is_the_likeliest_one() -> None:
    """By scipy's likelihood and the same penalty, no neighbour is likelier."""
    draws = random.Random(7)
    counts = []
    for _ in range(300):
        rate = draws.betavariate(0.8, 20)
        counts.append((sum(draws.random() < rate for _ in range(50)), 50))

    def likelihood(a: float, b: float) -> float:
        logs = betabinom.logpmf([failed for failed, _ in counts], 50, a, b)
        return float(logs.sum()) - 0.5 * math.log(a + b)

    prior = fit_prior(counts)
    best = likelihood(prior.a, prior.b)
    for first in (0.9, 1, 1.1):
        for second in (0.9, 1, 1.1):
            assert likelihood(prior.a * first, prior.b * second) <= best + 1e-3


def test_intervals_cover() -> None:
    """Nine in ten of a hundred tests with rates drawn from a prior, in the mean of some such suites."""
    draws = random.Random(3)
    covered = tests = 0
    for _ in range(4):
        rates = [draws.betavariate(0.3, 15) for _ in range(100)]
        runs = [draws.choice((20, 60, 200)) for _ in rates]
        counts = [
            (sum(draws.random() < rate for _ in range(tried)), tried) for rate, tried in zip(rates, runs, strict=True)
        ]
        prior = fit_prior(counts)
        for rate, (failed, tried) in zip(rates, counts, strict=True):
            interval = prior.interval(failed, tried, 0.9)
            covered += interval.low <= rate <= interval.high
            tests += 1
    assert 0.87 < covered / tests < 0.97


def test_a_single_test_is_not_certain_of_itself() -> None:
    """What is fitted to one test says little; its interval is about that without any prior."""
    interval = fit_prior([(10, 100)]).interval(10, 100)
    assert interval.low < 0.06
    assert interval.high > 0.13
    nothing = fit_prior([]).interval(0, 0)
    assert nothing.low == 0


def test_edges_never_exclude_what_was_seen() -> None:
    """None of n can be 0, all of n can be 1."""
    prior = RatePrior(0.1, 5)
    assert prior.interval(0, 9).low == 0
    assert prior.interval(9, 9).high == 1
    with pytest.raises(ValueError, match="failures must be"):
        fit_prior([(3, 2)])
