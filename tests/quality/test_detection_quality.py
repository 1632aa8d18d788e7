"""Trials promised to show a failure show it as often as promised, in simulations with fixed seeds."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from flakeproof.stats.detection import (
    detection_probability,
    predictive_detection,
    predictive_trials_needed,
    trials_for_failures,
    trials_needed,
    zero_failure_bound,
)

EXPERIMENTS = 20_000
SIGMAS = 4.0  # of the simulation's own error


def failures_per_experiment(rate: float, trials: int, seed: int) -> NDArray[np.int64]:
    """The failures in each of many experiments, every trial drawn on its own."""
    generator = np.random.default_rng(seed)
    failures = np.zeros(EXPERIMENTS, dtype=np.int64)
    for _ in range(trials):
        failures += generator.random(EXPERIMENTS) < rate
    return failures


def tolerance(probability: float, experiments: int = EXPERIMENTS) -> float:
    """How far a simulated share may be from its probability."""
    return SIGMAS * math.sqrt(probability * (1 - probability) / experiments)


@pytest.mark.parametrize(("rate", "confidence"), [(0.02, 0.5), (0.02, 0.95), (0.02, 0.99), (0.2, 0.999), (0.005, 0.95)])
def test_trials_needed_detect_as_often_as_promised(rate: float, confidence: float) -> None:
    """The trials show a failure in the promised share of experiments, and its exact probability is right."""
    trials = trials_needed(rate, confidence)
    detected = float(np.mean(failures_per_experiment(rate, trials, seed=20_001) > 0))
    exact = detection_probability(rate, trials)
    assert exact >= confidence
    assert detected == pytest.approx(exact, abs=tolerance(exact))


@pytest.mark.parametrize(("rate", "failures"), [(0.02, 2), (0.02, 5), (0.1, 10)])
def test_trials_for_failures_show_them_as_often_as_promised(rate: float, failures: int) -> None:
    """The trials show the wanted number of failures in 95 % of experiments, and in barely more."""
    trials = trials_for_failures(rate, 0.95, failures)
    shown = float(np.mean(failures_per_experiment(rate, trials, seed=20_002) >= failures))
    assert 0.95 - tolerance(0.95) <= shown <= 0.96 + tolerance(0.96)


@pytest.mark.parametrize(("seen_trials", "trials"), [(10, 20), (50, 100), (200, 50)])
def test_predictive_detection_is_calibrated(seen_trials: int, trials: int) -> None:
    """Over rates from the prior, further trials show a failure as often as predicted for each k seen."""
    experiments = 400_000
    generator = np.random.default_rng(20_003)
    rates = generator.beta(0.5, 0.5, experiments)
    seen = generator.binomial(seen_trials, rates)
    detected = generator.binomial(trials, rates) > 0
    for failures in range(4):
        chosen = detected[seen == failures]
        predicted = predictive_detection(failures, seen_trials, trials)
        assert float(np.mean(chosen)) == pytest.approx(predicted, abs=tolerance(predicted, len(chosen)))


def test_predictive_trials_keep_a_promise_that_the_plug_in_breaks() -> None:
    """After 3 failures in 200 trials, the predictive number detects at 99 %; that for 3/200 does not."""
    experiments = 400_000
    rates = np.random.default_rng(20_004).beta(3.5, 197.5, experiments)
    predictive = predictive_trials_needed(3, 200, 0.99)
    assert predictive is not None
    detected = 1 - float(np.mean((1 - rates) ** predictive))
    plug_in = 1 - float(np.mean((1 - rates) ** trials_needed(3 / 200, 0.99)))
    assert detected == pytest.approx(0.99, abs=0.001)
    assert plug_in < 0.97


@pytest.mark.parametrize(("trials", "confidence"), [(10, 0.95), (59, 0.95), (228, 0.99)])
def test_zero_failure_bound_is_wrong_as_rarely_as_promised(trials: int, confidence: float) -> None:
    """At a rate of the bound itself, all trials pass in just the share of experiments that is allowed."""
    bound = zero_failure_bound(trials, confidence)
    missed = float(np.mean(failures_per_experiment(bound, trials, seed=20_005) == 0))
    assert missed == pytest.approx(1 - confidence, abs=tolerance(confidence))
