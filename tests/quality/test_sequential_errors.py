"""Rules that may be looked at after every trial are wrong no more often than they say, computed exactly."""

import math
from collections.abc import Callable

import pytest

from flakeproof.stats.comparison import log_evidence_of_effect
from flakeproof.stats.threshold import log_evidence_above, log_evidence_below


def ever_crosses(rate: float, most: int, crossed: Callable[[int, int], bool]) -> float:
    """Probability that a walk of `most` steps, up with probability `rate`, is ever at (ups, steps) that crosses."""
    alive = {0: 1.0}
    lost = 0.0
    for steps in range(1, most + 1):
        following: dict[int, float] = {}
        for ups, weight in alive.items():
            following[ups] = following.get(ups, 0.0) + weight * (1 - rate)
            following[ups + 1] = following.get(ups + 1, 0.0) + weight * rate
        alive = {}
        for ups, weight in following.items():
            if weight < 1e-18:
                continue
            if crossed(ups, steps):
                lost += weight
            else:
                alive[ups] = weight
    return lost


@pytest.mark.parametrize("error", [0.05, 0.01])
@pytest.mark.parametrize("threshold", [0.02, 0.2])
def test_a_rate_on_the_threshold(threshold: float, error: float) -> None:
    """It is called below it, or above it, with a probability of at most `error`; and of not much less."""
    most, wanted = int(20 / threshold), -math.log(error)
    for function in (log_evidence_below, log_evidence_above):
        found = ever_crosses(threshold, most, lambda failures, trials: function(failures, trials, threshold) >= wanted)  # noqa: B023
        assert 0.1 * error < found <= error


@pytest.mark.parametrize("error", [0.05, 0.01, 1e-4])
def test_arms_that_are_alike(error: float) -> None:
    """Pairs that disagree at random prove an effect with a probability of at most `error`."""
    wanted = -math.log(error)
    found = ever_crosses(0.5, 400, lambda base, both: log_evidence_of_effect(base, both - base) >= wanted)
    assert 0.1 * error < found <= error
