"""Intervals hold the true rate as often as they say, in exact sums and in simulations with fixed seeds."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.quality.simulate import coverage, ever_missed, robbins_rule, walks

from flakeproof.stats.intervals import Interval, clopper_pearson, intersect, jeffreys, robbins, wilson

RATES = (0.001, 0.005, 0.02, 0.05, 0.1, 0.3, 0.5, 0.9, 0.99)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("trials", "confidence"), [(50, 0.95), (400, 0.95), (200, 0.99)])
def test_clopper_pearson_covers_at_least_as_often_as_it_says(trials: int, confidence: float, rate: float) -> None:
    """For every rate the exact coverage reaches the nominal one."""
    assert coverage(clopper_pearson, trials, rate, confidence) >= confidence - 1e-12


@pytest.mark.parametrize("rate", [0.005, 0.02, 0.3])
def test_clopper_pearson_covers_in_simulation(rate: float) -> None:
    """In simulated experiments with 500 trials each, at least 95 % of the intervals hold the rate."""
    failures, times = np.unique(np.random.default_rng(30_001).binomial(500, rate, 20_000), return_counts=True)
    held = 0
    for k, count in zip(failures.tolist(), times.tolist(), strict=True):
        interval = clopper_pearson(k, 500)
        held += count if interval.low <= rate <= interval.high else 0
    assert held / 20_000 >= 0.95


@pytest.mark.parametrize("method", [wilson, jeffreys])
def test_wilson_and_jeffreys_cover_as_often_as_they_say_on_average(
    method: Callable[[int, int, float], Interval],
) -> None:
    """Averaged over rates from 1 % to 30 % the exact coverage is within one point of 95 %."""
    average = float(np.mean([coverage(method, 200, rate, 0.95) for rate in np.linspace(0.01, 0.3, 60).tolist()]))
    assert average == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize(("rate", "most_trials"), [(0.02, 8_000), (0.2, 3_000)])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_robbins_hardly_ever_misses_though_looked_at_after_every_trial(
    rate: float, most_trials: int, confidence: float
) -> None:
    """Looked at after each of thousands of trials, it ever misses the rate no more often than it says."""
    missed = walks(rate, robbins_rule(rate, confidence, most_trials), experiments=5_000, seed=30_002)
    assert missed.low + missed.high <= 1 - confidence
    assert missed.low + missed.high >= (1 - confidence) / 10  # it is a sequence of use, not the whole of 0 to 1


def test_the_boundaries_are_those_of_the_interval() -> None:
    """The precomputed boundaries, which the simulation above compares with, agree with the interval itself."""
    boundaries = robbins_rule(0.1, 0.95, 150)
    for trials, (low, high) in enumerate(zip(*boundaries, strict=True), start=1):
        held = [k for k in range(trials + 1) if (look := robbins(k, trials)).low <= 0.1 <= look.high]
        assert held == list(range(low + 1, min(high, trials + 1)))


def test_an_interval_for_one_reading_must_not_be_watched() -> None:
    """Re-read at 50 looks, a 95 % Wilson interval misses the rate at some look in over a quarter of runs."""
    assert ever_missed(wilson, 0.02, range(100, 5_001, 100), experiments=4_000) > 0.25


def test_the_running_intersection_is_as_safe_as_the_sequence() -> None:
    """Intersected over 40 looks, the interval only shrinks, and loses the rate in at most 5 % of all runs."""
    rate, runs = 0.05, 400
    generator = np.random.default_rng(30_004)
    lost = 0
    for _ in range(runs):
        failures, running = 0, robbins(0, 0)
        for trials in range(25, 1_001, 25):
            failures += int(generator.binomial(25, rate))
            narrowed = intersect(running, robbins(failures, trials))
            if narrowed is None or not narrowed.low <= rate <= narrowed.high:
                lost += 1
                break
            assert running.low <= narrowed.low <= narrowed.high <= running.high
            running = narrowed
    assert lost / runs <= 0.05
