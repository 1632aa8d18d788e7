"""Which of a few settings gives the most failures per second, and which one to run next to find that out.

The rate of a setting has a gamma posterior: so many failures in so many seconds, both divided by how much more batches
differ than independent trials would (their dispersion), so that what is seen in lumps weighs no more than it tells.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLES = 400
_TRIES = 100
_PRIOR = 0.5
"""Failures that every setting is taken to have had, as in Jeffreys' prior for a Poisson rate."""


@dataclass(frozen=True, slots=True)
class RacingArm:
    """What a setting came to so far."""

    failures: float
    seconds: float
    """Above 0."""


def next_arm(arms: Sequence[RacingArm], chance: random.Random, dispersion: float = 1.0) -> int:
    """The one to run next, by top-two Thompson sampling.

    A sample from the posterior names a best one; in half of all cases it is run, otherwise the best one of the first
    further sample that names another. D. Russo, "Simple Bayesian Algorithms for Best-Arm Identification", Operations
    Research 68 (2020) 1625-1647. Raises ValueError without an arm.
    """
    first = _best(_sample(arms, chance, dispersion))
    if len(arms) == 1 or chance.random() < 0.5:
        return first
    for _ in range(_TRIES):
        if (other := _best(_sample(arms, chance, dispersion))) != first:
            return other
    means = mean_rates(arms, dispersion)
    return max((place for place in range(len(arms)) if place != first), key=lambda place: means[place])


def chances_best(
    arms: Sequence[RacingArm], chance: random.Random, dispersion: float = 1.0, within: float = 0.0
) -> list[float]:
    """The posterior probability of each to be the best, or to reach the best but for a share `within` of its rate."""
    counts = [0] * len(arms)
    for _ in range(SAMPLES):
        rates = _sample(arms, chance, dispersion)
        enough = (1 - within) * max(rates)
        for place, rate in enumerate(rates):
            counts[place] += rate >= enough
    return [count / SAMPLES for count in counts]


def mean_rates(arms: Sequence[RacingArm], dispersion: float = 1.0) -> list[float]:
    """The posterior mean of each rate, failures per second."""
    return [(arm.failures / dispersion + _PRIOR) / (arm.seconds / dispersion) for arm in arms]


def _sample(arms: Sequence[RacingArm], chance: random.Random, dispersion: float) -> list[float]:
    return [chance.gammavariate(arm.failures / dispersion + _PRIOR, dispersion / arm.seconds) for arm in arms]


def _best(rates: Sequence[float]) -> int:
    return max(range(len(rates)), key=lambda place: rates[place])
