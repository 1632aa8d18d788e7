"""Whether failures cluster in groups of trials, such as those of one process, and what dependent trials are worth.

A group is given by its number of failures and of trials. Under independence, the failures fall on the trials at random,
whatever the rate: given the sizes of the groups and the number of failures, the failures of the groups are multivariate
hypergeometric. Failures are too few for normal theory, so p-values are exact or by simulation.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flakeproof.stats.intervals import Interval, check_counts, clopper_pearson
from flakeproof.stats.tables import log_choose

SIMULATIONS = 999
MOST_FAILURES = 500
"""Most failures that a simulation uses; if failures are independent, a random choice of them is representative."""
_STEPS = 300_000
"""Most steps for the exact p-value, about a tenth of a second; beyond that, it is simulated."""
_EXCEEDING = 10
_DEALS = 9_999
_ROUNDING = 1e-9


def clustering(failures: Sequence[int], trials: Sequence[int], seed: int = 0) -> float:
    """The p-value for "failures cluster in groups", from the sum of (x_i - n_i p)^2 with p = k / n.

    This is the statistic of Tarone's Z and, for groups of equal size, equivalent to the sum of x_i^2. Its mean is right
    even if failures take longer than passes and so affect the sizes: x_i - n_i p is a martingale, and Wald's second
    identity holds (not for Pearson's statistic, which divides by n_i). The p-value is exact if that is quick, otherwise
    simulated from `seed`. Raises ValueError.
    """
    failures, trials = _checked(failures, trials)
    failed, total = sum(failures), sum(trials)
    if len(trials) < 2 or failed in (0, total):
        return 1.0
    exact = _exact(failures, trials)
    return exact if exact is not None else _simulated(failures, trials, seed)


def tarone(failures: Sequence[int], trials: Sequence[int]) -> float:
    """Tarone's Z: about standard normal for many failures, for display only.

    (sum (x_i - n_i p)^2 / (p q) - sum n_i) / sqrt(2 sum n_i (n_i - 1)): R. E. Tarone, Biometrika 66 (1979) 585-590.
    0 if it is undefined. Raises ValueError.
    """
    failures, trials = _checked(failures, trials)
    failed, total = sum(failures), sum(trials)
    pairs = sum(size * (size - 1) for size in trials)
    if failed in (0, total) or not pairs:
        return 0.0
    rate = failed / total
    squares = sum((count - size * rate) ** 2 for count, size in zip(failures, trials, strict=True))
    return (squares / (rate * (1 - rate)) - total) / math.sqrt(2 * pairs)


@dataclass(frozen=True, slots=True)
class Clustering:
    """How similar the trials of a group are, and what that costs."""

    correlation: float
    """Intraclass correlation, from 0 to 1."""
    design_effect: float
    """Variance of the rate as a multiple of its variance for independent trials; at least 1."""


def grouping(shares: Sequence[Sequence[float]], seed: int = 0) -> float:
    """The p-value for "members of a group have similar shares of failures", against "groups do not matter".

    A permutation test of the between-group sum of squares, simulated from `seed`: members are assigned at random to
    groups of the same sizes. Unlike :func:`clustering`, it takes a member, whose own trials are similar, as one
    observation. 1 if no group has two members, as then nothing was repeated. Raises ValueError.
    """
    import random

    groups = [list(group) for group in shares if group]
    if any(not 0 <= share <= 1 for group in groups for share in group):
        raise ValueError(f"each member has a share of failures between 0 and 1, got {shares}")
    members = [share for group in groups for share in group]
    if len(groups) < 2 or max(len(group) for group in groups) < 2 or len(set(members)) < 2:
        return 1.0
    chance, sizes = random.Random(seed), [len(group) for group in groups]

    def statistic() -> float:
        found, start = 0.0, 0
        for size in sizes:
            found += sum(members[start : start + size]) ** 2 / size
            start += size
        return found

    seen = statistic() * (1 - _ROUNDING)

    def exceeds() -> bool:
        chance.shuffle(members)
        return statistic() >= seen

    return simulated_p(exceeds, _DEALS)


def design_effect(failures: Sequence[int], trials: Sequence[int]) -> Clustering:
    """The intraclass correlation by analysis of variance, and the design effect 1 + (m - 1) ICC that follows.

    With mean squares B between and W within groups, ICC = (B - W) / (B + (n0 - 1) W), n0 = (n - sum n_i^2 / n) / (K-1):
    A. Donner, International Statistical Review 54 (1986) 67-82; m = sum n_i^2 / n: L. Kish, Survey Sampling (1965).
    Raises ValueError.
    """
    failures, trials = _checked(failures, trials)
    groups, failed, total = len(trials), sum(failures), sum(trials)
    if groups < 2 or failed in (0, total) or total == groups:
        return Clustering(0.0, 1.0)
    rate = failed / total
    between = sum((count - size * rate) ** 2 / size for count, size in zip(failures, trials, strict=True))
    within = sum(count * (size - count) / size for count, size in zip(failures, trials, strict=True))
    between, within = between / (groups - 1), within / (total - groups)
    squares = sum(size * size for size in trials) / total
    typical = (total - squares) / (groups - 1)
    correlation = (between - within) / (between + (typical - 1) * within)
    correlation = min(1.0, max(0.0, correlation))
    return Clustering(correlation, 1 + (squares - 1) * correlation)


def korn_graubard(failures: int, trials: int, effective: float, confidence: float = 0.95) -> Interval:
    """The interval of Clopper and Pearson for the effective number of dependent trials, at the observed rate.

    E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998) 193-201, without their correction for the degrees of
    freedom. It is approximate: with 20 groups and an ICC of 0.18, 95 % covers 85 % (as independent: 46 %). Raises
    ValueError.
    """
    check_counts(failures, trials)
    if not 0 < effective <= trials:
        raise ValueError(f"the effective number must be above 0 and at most the {trials} trials, got {effective}")
    found = clopper_pearson(failures * (effective / trials), trials * (effective / trials), confidence)
    return Interval(found.low, found.high, confidence, "korn-graubard")


def simulated_p(exceeds: Callable[[], bool], most: int = SIMULATIONS) -> float:
    """The p-value of a test by simulation: `exceeds` draws a sample and returns whether it is as extreme as the data.

    It stops early after 10 such samples, else after `most` samples: J. Besag and P. Clifford, Biometrika 78 (1991)
    301-304. The p-value is valid, and never 0.
    """
    found = 0
    for made in range(1, most + 1):
        found += exceeds()
        if found == _EXCEEDING:
            return found / made
    return (found + 1) / (most + 1)


def _checked(failures: Sequence[int], trials: Sequence[int]) -> tuple[list[int], list[int]]:
    """The groups that have a trial. Raises ValueError."""
    if len(failures) != len(trials):
        raise ValueError(f"each group has failures and trials, got {len(failures)} and {len(trials)} numbers")
    for count, size in zip(failures, trials, strict=True):
        check_counts(count, size)
    pairs = [(count, size) for count, size in zip(failures, trials, strict=True) if size]
    return [count for count, _ in pairs], [size for _, size in pairs]


def _score(count: int, size: int, failed: int, total: int) -> int:
    """n times the contribution of (x - m p)^2 to the statistic, less a constant for all x: an integer."""
    return total * count * count - 2 * failed * size * count


def _exact(failures: Sequence[int], trials: Sequence[int]) -> float | None:
    """P(statistic >= observed), computed group by group over (failures used, statistic); None if that takes too long.

    Each group is weighted by its binomial probabilities at one rate; given the sum, they are hypergeometric.
    """
    failed, total = sum(failures), sum(trials)
    if failed > MOST_FAILURES:
        return None
    seen = sum(_score(count, size, failed, total) for count, size in zip(failures, trials, strict=True))
    log_rate, log_rest = math.log(failed / total), math.log1p(-failed / total)
    layers: list[dict[int, float]] = [{0: 1.0}] + [{} for _ in range(failed)]
    left, steps = total, 0
    for size in trials:
        left -= size
        weights = [
            math.exp(log_choose(size, count) + count * log_rate + (size - count) * log_rest)
            for count in range(min(size, failed) + 1)
        ]
        scores = [_score(count, size, failed, total) for count in range(len(weights))]
        following: list[dict[int, float]] = [{} for _ in range(failed + 1)]
        for used, layer in enumerate(layers):
            if not layer:
                continue
            counts = range(max(0, failed - used - left), min(failed - used, len(weights) - 1) + 1)
            steps += len(layer) * len(counts)
            if steps > _STEPS:
                return None
            for count in counts:
                target, weight, score = following[used + count], weights[count], scores[count]
                for statistic, probability in layer.items():
                    target[statistic + score] = target.get(statistic + score, 0.0) + probability * weight
        layers = following
    found = math.fsum(probability for statistic, probability in layers[failed].items() if statistic >= seen)
    everything = math.fsum(layers[failed].values())
    return min(1.0, found / everything) if everything > 0 else None


def _simulated(failures: Sequence[int], trials: Sequence[int], seed: int) -> float:
    import random  # takes longer to import than the rest, and few runs need it

    chance = random.Random(seed)
    groups, total = range(len(trials)), sum(trials)
    failed = min(sum(failures), MOST_FAILURES)
    if failed < sum(failures):
        failures = _tally(chance.sample(groups, counts=failures, k=failed), len(trials))

    def statistic(counts: Sequence[int]) -> int:
        return sum(_score(count, size, failed, total) for count, size in zip(counts, trials, strict=True))

    seen = statistic(failures)
    return simulated_p(
        lambda: statistic(_tally(chance.sample(groups, counts=trials, k=failed), len(trials))) >= seen,
    )


def _tally(members: Sequence[int], groups: int) -> list[int]:
    counts = [0] * groups
    for member in members:
        counts[member] += 1
    return counts
