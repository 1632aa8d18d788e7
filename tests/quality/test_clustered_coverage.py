"""What the interval for dependent trials covers: far more than the one for independent ones, and less than it says."""

import random

from flakeproof.stats.dispersion import design_effect, korn_graubard
from flakeproof.stats.intervals import clopper_pearson

RUNS, PROCESSES, SIZE, RATE, CORRELATION = 1000, 20, 50, 0.02, 0.18


def test_coverage_where_failures_cluster() -> None:
    """Each of 20 processes has its own rate; nominal 95 % is about 46 % and 85 %, as the docs say."""
    chance = random.Random(1)
    exact = approximate = 0
    odds = 1 / CORRELATION - 1
    for _ in range(RUNS):
        rates = [chance.betavariate(RATE * odds, (1 - RATE) * odds) for _ in range(PROCESSES)]
        failures = [sum(chance.random() < rate for _ in range(SIZE)) for rate in rates]
        failed, total = sum(failures), PROCESSES * SIZE
        effect = design_effect(failures, [SIZE] * PROCESSES).design_effect
        for_independent, widened = clopper_pearson(failed, total), korn_graubard(failed, total, total / effect)
        exact += for_independent.low <= RATE <= for_independent.high
        approximate += widened.low <= RATE <= widened.high
    assert 0.42 <= exact / RUNS <= 0.50
    assert 0.82 <= approximate / RUNS <= 0.89
