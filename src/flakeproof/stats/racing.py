"""Which of a few settings gives the most failures per second, and which one to run next to find out.

The rate of a setting has a gamma posterior from its failures and seconds. Both are divided by the dispersion, that is,
how much more batches vary than independent trials would, so that clustered failures do not weigh too much.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLES = 400
_TRIES = 100
_PRIOR = 0.5
"""Failures that are added to each setting's, as in Jeffreys' prior for a Poisson rate."""


@dataclass(frozen=True, slots=True)
class RacingArm:
    """The results of a setting so far."""

    failures: float
    seconds: float
    """Above 0."""


def next_arm(arms: Sequence[RacingArm], chance: random.Random, dispersion: float = 1.0) -> int:
    """The index of the arm to run next, by top-two Thompson sampling.

    A sample from the posterior has a best arm, which runs in half of all cases. Otherwise, the best arm of the first
    further sample with another best arm runs. D. Russo, "Simple Bayesian Algorithms for Best-Arm Identification",
    Operations Research 68 (2020) 1625-1647. Raises ValueError without an arm.
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
    """For each arm, the posterior probability that its rate is the best, or at most a share `within` below the best."""
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
