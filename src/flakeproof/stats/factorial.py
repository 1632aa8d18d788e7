"""Which of many factors matter, from batches of trials in which each factor was on or off at random.

Trials of a batch are not independent: they share a process, its state and the load of the moment, and the rate drifts
while batches run. Only how the factors were drawn is certain, so the tests rest on that alone.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from flakeproof.stats.dispersion import simulated_p
from flakeproof.stats.intervals import Interval, check_confidence

REDRAWS = 3999
"""With so many redraws, the smallest one-sided p-value is 1 / 4,000."""
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Draw:
    """One batch, as seen by one factor."""

    on: bool
    """Whether the factor was on."""
    chance: float
    """Probability with which the factor was drawn on, given everything else about the batch."""
    score: float
    """How many more trials failed in the batch than expected without the factor; its mean is 0 if the factor does not
    matter."""


def randomisation_test(draws: Sequence[Draw], seed: int, redraws: int = REDRAWS) -> float:
    """The two-sided p-value for "the factor has no effect", by redrawing in which batches the factor is on.

    Under that hypothesis, the results of the batches would be the same if the factor had been drawn otherwise: R. A.
    Fisher, The Design of Experiments (1935), section 21; D. Basu, JASA 75 (1980) 575-582. This assumes no model of the
    trials, and scores may be dependent or differ in distribution. The statistic is sum (A - c) e over the root of sum
    ((A - c) e)^2. It is studentised, so that for many batches the test also holds if the factor changes the variance of
    the scores but not their mean: A. Janssen, Statistics & Probability Letters 36 (1997) 9-21; E. Chung and J. Romano,
    Annals of Statistics 41 (2013) 484-507. At most `redraws` redraws are made. Raises ValueError.
    """
    for draw in draws:
        if not 0 <= draw.chance <= 1 or not math.isfinite(draw.score):
            raise ValueError(f"a chance from 0 to 1 and a finite score are needed, got {draw}")
    parts = [((1 - one.chance) * one.score, -one.chance * one.score, one.chance) for one in draws if one.score]
    seen = studentised(draws)
    if not seen:
        return 1.0
    sign, drawn = math.copysign(1.0, seen), random.Random(seed).random
    least = abs(seen) * (1 - 1e-9)

    def exceeds() -> bool:
        total = squares = 0.0
        for on, off, chance in parts:
            part = on if drawn() < chance else off
            total += part
            squares += part * part
        return squares > 0 and sign * total >= least * math.sqrt(squares)

    return min(1.0, 2 * simulated_p(exceeds, redraws))


def studentised(draws: Sequence[Draw]) -> float:
    """The test's statistic: above 0 if more trials fail with the factor; about standard normal if it has no effect."""
    parts = [(one.on - one.chance) * one.score for one in draws]
    squares = math.fsum(part * part for part in parts)
    return math.fsum(parts) / math.sqrt(squares) if squares > 0 else 0.0


def flipped_pairs(differences: Sequence[float], seed: int) -> float:
    """The one-sided p-value for "the first of each pair is not larger", if a fair coin decided which came first.

    Fisher's test of 1935 (section 21): under that hypothesis, each difference could equally have the other sign. Exact
    for up to 14 nonzero differences, simulated beyond.
    """
    sizes = [abs(one) for one in differences if one]
    seen = math.fsum(one for one in differences if one)
    least = seen - 1e-9 * math.fsum(sizes)
    if len(sizes) <= _FEW_PAIRS:
        sums = [0.0]
        for size in sizes:
            sums = [one + step for one in sums for step in (-size, size)]
        return sum(one >= least for one in sums) / len(sums)
    drawn = random.Random(seed).random
    return simulated_p(lambda: sum(size if drawn() < _HALF else -size for size in sizes) >= least, REDRAWS)


_FEW_PAIRS = 14

Table = tuple[tuple[float, float], tuple[float, float]]
"""((failed, passed) with the factor, (failed, passed) without it)."""


@dataclass(frozen=True, slots=True)
class CommonOddsRatio:
    """An odds ratio and its interval."""

    value: float
    low: float
    high: float
    """Infinite if no trial failed without the factor, or all failed with it."""


def mantel_haenszel(tables: Sequence[Table], dispersion: float = 1.0, confidence: float = 0.95) -> CommonOddsRatio:
    """The common odds ratio of strata, R / S with R = sum a d / n and S = sum b c / n, and its interval.

    N. Mantel and W. Haenszel, J. National Cancer Institute 22 (1959) 719-748. The variance of its logarithm is that of
    J. Robins, N. Breslow and S. Greenland, Biometrics 42 (1986) 311-323, times the `dispersion` of the batches (P.
    McCullagh and J. Nelder, Generalized Linear Models, 1989, section 4.5). If R or S is 0, half a trial is added to
    every cell (J. Haldane, 1956), and the undetermined end is 0 or infinite. Raises ValueError.
    """
    check_confidence(confidence)
    if any(min(*first, *second) < 0 for first, second in tables) or not dispersion > 0:
        raise ValueError(f"counts of 0 or more and a dispersion above 0 are needed, got {tables} and {dispersion}")
    whole = [table for table in tables if sum(table[0]) and sum(table[1])]
    if not whole:
        return CommonOddsRatio(1.0, 0.0, math.inf)
    direct, inverse = _products(whole)
    if direct and inverse:
        return _with_interval(whole, dispersion, confidence)
    corrected = [((a + _HALF, b + _HALF), (c + _HALF, d + _HALF)) for (a, b), (c, d) in whole]
    found = _with_interval(corrected, dispersion, confidence)
    return CommonOddsRatio(found.value, found.low if direct else 0.0, found.high if inverse else math.inf)


def dispersion(cells: Sequence[Sequence[tuple[int, int]]]) -> float:
    """How much more batches vary than independent trials would: Pearson's X^2 over its degrees of freedom, at least 1.

    Each cell has the (failures, trials) of batches under equal conditions. McCullagh and Nelder (1989), 4.5.
    """
    squares, freedom = 0.0, 0
    for cell in cells:
        failed, total = sum(one for one, _ in cell), sum(size for _, size in cell)
        if failed in (0, total):
            continue
        rate = failed / total
        squares += math.fsum((one - size * rate) ** 2 / (size * rate * (1 - rate)) for one, size in cell if size)
        freedom += sum(1 for _, size in cell if size) - 1
    return max(1.0, squares / freedom) if freedom > 0 else 1.0


def rate_ratio(over: float, over_interval: Interval, under: float, under_interval: Interval) -> tuple[float, float]:
    """The interval of the ratio of two independent rates, from the interval of each; its end may be infinite.

    A. Donner and G. Zou, Statistical Methods in Medical Research 21 (2012) 347-359 ("MOVER"), equations 9 and 10.
    """
    product, low, high = over * under, over_interval.low, over_interval.high
    below, above = under_interval.low, under_interval.high
    root = math.sqrt(max(0.0, product * product - low * above * (2 * over - low) * (2 * under - above)))
    # Numerator and denominator are multiplied by product + root: the printed form is 0 / 0 if above = 2 under.
    least = low * (2 * over - low) / (product + root) if product + root else 0.0
    spread = below * (2 * under - below)
    if not spread:
        return least, math.inf
    root = math.sqrt(max(0.0, product * product - high * below * (2 * over - high) * (2 * under - below)))
    return least, (product + root) / spread


def _products(tables: Sequence[Table]) -> tuple[float, float]:
    direct = math.fsum(a * d / (a + b + c + d) for (a, b), (c, d) in tables)
    inverse = math.fsum(b * c / (a + b + c + d) for (a, b), (c, d) in tables)
    return direct, inverse


def _with_interval(tables: Sequence[Table], dispersion: float, confidence: float) -> CommonOddsRatio:
    from statistics import NormalDist  # takes longer to import than all of this package

    direct, inverse = _products(tables)
    same = crossed = opposite = 0.0
    for (a, b), (c, d) in tables:
        total = a + b + c + d
        agree, differ = (a + d) / total, (b + c) / total
        same += agree * a * d / total
        crossed += agree * b * c / total + differ * a * d / total
        opposite += differ * b * c / total
    variance = same / (2 * direct**2) + crossed / (2 * direct * inverse) + opposite / (2 * inverse**2)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance * dispersion)
    value = direct / inverse
    return CommonOddsRatio(value, value * math.exp(-reach), value * math.exp(reach))
