"""Experiments with known truth, simulated or summed exactly, against the real rules of `flakeproof.stats`.

A rule that is looked at after every step is turned into its boundary once: for each number of steps the fewest, or the
most, steps up at which it stops. Simulated walks are then compared with the boundary as a whole.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats as scipy_stats  # type: ignore[import-untyped]

from flakeproof.stats.comparison import fisher, log_evidence_of_effect, log_evidence_of_futility
from flakeproof.stats.intervals import Interval, robbins
from flakeproof.stats.threshold import log_evidence_above, log_evidence_below, log_likelihood_ratio

Counts = NDArray[np.int64]
Outcomes = NDArray[np.bool_]
Crossed = Callable[[int, int], bool]
"""Whether a rule stops after so many steps up of so many steps."""

BATCH = 2_000_000
"""Steps simulated at once, for the sake of memory."""
STRETCH = 100
"""Steps after which walks that have ended are left out."""


class Boundaries(NamedTuple):
    """For 1, 2, … steps: the rule stops with at most `low` steps up, or with at least `high`."""

    low: Counts
    high: Counts


def stops_low(crossed: Crossed, most: int) -> Counts:
    """The most steps up with which a rule against many of them stops, for 1 to `most` steps; -1 if it never does."""
    found, low = [], -1
    for steps in range(1, most + 1):
        while low < steps and crossed(low + 1, steps):
            low += 1
        found.append(low)
    return np.array(found, dtype=np.int64)


def stops_high(crossed: Crossed, most: int) -> Counts:
    """The fewest steps up with which a rule against few of them stops; more than there are steps if it never does."""
    found, high = [], 0
    for steps in range(1, most + 1):
        while high <= steps and not crossed(high, steps):
            high += 1
        found.append(high)
    return np.array(found, dtype=np.int64)


def never(most: int) -> Boundaries:
    """No boundary at all."""
    return Boundaries(np.full(most, -1), np.arange(2, most + 2))


@cache
def effect_boundary(error: float, most: int) -> Counts:
    """Pairs lost by the base that prove an effect, of so many that disagree."""
    wanted = -math.log(error)
    return stops_high(lambda base, both: log_evidence_of_effect(base, both - base) >= wanted, most)


@cache
def futility_boundary(error: float, reduction: float, most: int) -> Counts:
    """Pairs lost by the base that prove that the fix reduces the odds by less."""
    wanted = -math.log(error)
    return stops_low(lambda base, both: log_evidence_of_futility(base, both - base, reduction) >= wanted, most)


def pairs_rule(error: float, reduction: float | None, most: int) -> Boundaries:
    """The comparison of two arms, with or without an end for a fix that is not worth it."""
    low = never(most).low if reduction is None else futility_boundary(error, reduction, most)
    return Boundaries(low, effect_boundary(error, most))


@cache
def walds_rule(threshold: float, ratio: float, error: float, most: int) -> Boundaries:
    """Wald's test for a rate that is `ratio` times lower than the threshold, in numbers of failures."""
    wanted = -math.log(error)

    def statistic(failures: int, trials: int) -> float:
        return log_likelihood_ratio(failures, trials, threshold, threshold / ratio)

    return Boundaries(
        stops_low(lambda failures, trials: statistic(failures, trials) >= wanted, most),
        stops_high(lambda failures, trials: statistic(failures, trials) <= -wanted, most),
    )


@cache
def below_rule(threshold: float, error: float, most: int) -> Boundaries:
    """The mixture for a rate below the threshold."""
    wanted = -math.log(error)
    low = stops_low(lambda failures, trials: log_evidence_below(failures, trials, threshold) >= wanted, most)
    return Boundaries(low, never(most).high)


@cache
def above_rule(threshold: float, error: float, most: int) -> Boundaries:
    """The mixture for a rate above the threshold."""
    wanted = -math.log(error)
    high = stops_high(lambda failures, trials: log_evidence_above(failures, trials, threshold) >= wanted, most)
    return Boundaries(never(most).low, high)


@cache
def robbins_rule(rate: float, confidence: float, most: int) -> Boundaries:
    """Where the running interval no longer holds the rate."""
    return Boundaries(
        stops_low(lambda failures, trials: robbins(failures, trials, confidence).high < rate, most),
        stops_high(lambda failures, trials: robbins(failures, trials, confidence).low > rate, most),
    )


class Verdicts(NamedTuple):
    """The shares of walks that ended low, that ended high, and the mean steps they took."""

    low: float
    high: float
    steps: float


def walks(rate: float, boundaries: Boundaries, experiments: int, seed: int) -> Verdicts:
    """Simulated walks, up with probability `rate`, each to the first boundary it reaches or the last step."""
    generator = np.random.default_rng(seed)
    low = high = steps = 0
    for first in range(0, experiments, BATCH // STRETCH):
        before = np.zeros(min(experiments - first, BATCH // STRETCH), dtype=np.int32)
        for start in range(0, len(boundaries.low), STRETCH):
            stretch = slice(start, start + STRETCH)
            lowest, highest = boundaries.low[stretch], boundaries.high[stretch]
            drawn = generator.random((len(before), len(lowest)), dtype=np.float32) < rate
            ups = before[:, np.newaxis] + np.cumsum(drawn, axis=1, dtype=np.int32)
            ends_low, ends_high = first_true(ups <= lowest), first_true(ups >= highest)
            low += int(np.sum(ends_low < ends_high))
            high += int(np.sum(ends_high < ends_low))
            ends = np.minimum(ends_low, ends_high)
            steps += int(np.sum(np.minimum(ends + 1, len(lowest))))
            before = ups[ends == len(lowest), -1]
    return Verdicts(low / experiments, high / experiments, steps / experiments)


def first_true(flags: Outcomes) -> Counts:
    """The index of the first true value of each row; its length where there is none."""
    found: Counts = np.where(flags.any(axis=1), flags.argmax(axis=1), flags.shape[1])
    return found


def exactly(rate: float, boundaries: Boundaries) -> Verdicts:
    """The same walks without chance: the probability of each number of steps up is carried from step to step."""
    alive = np.ones(1)
    start, low, high, steps = 0, 0.0, 0.0, 0.0  # alive[i] is the probability of start + i steps up
    for least, most in zip(boundaries.low.tolist(), boundaries.high.tolist(), strict=True):
        steps += float(alive.sum())
        alive = np.convolve(alive, (1 - rate, rate))
        below, above = max(0, least + 1 - start), max(0, most - start)
        low += float(alive[:below].sum())
        high += float(alive[above:].sum())
        alive = alive[below:above]
        start += below
        kept = np.flatnonzero(alive > 1e-20)
        if not len(kept):
            break
        alive = alive[kept[0] : kept[-1] + 1]
        start += int(kept[0])
    return Verdicts(low, high, steps)


def coverage(method: Callable[[int, int, float], Interval], trials: int, rate: float, confidence: float) -> float:
    """The exact probability that an interval read once holds the rate, summed over all numbers of failures."""
    weights = scipy_stats.binom.pmf(np.arange(trials + 1), trials, rate)
    held = [
        weight
        for k, weight in enumerate(weights)
        if weight > 1e-15 and (interval := method(k, trials, confidence)).low <= rate <= interval.high
    ]
    return float(np.sum(held))


def ever_missed(method: Callable[[int, int], Interval], rate: float, looks: range, experiments: int) -> float:
    """The share of simulated runs in which an interval does not hold the rate at one of its looks at least."""
    generator = np.random.default_rng(30_003)
    held = np.ones(experiments, dtype=np.bool_)
    failures = np.zeros(experiments, dtype=np.int64)
    for trials in looks:
        failures += generator.binomial(looks.step, rate, experiments)
        possible = [
            k for k in np.unique(failures).tolist() if (interval := method(k, trials)).low <= rate <= interval.high
        ]
        held &= np.isin(failures, possible)
    return 1 - float(np.mean(held))


class Pairs(NamedTuple):
    """Whether each trial of the base, and of the fix, failed: by experiment and pair, or pair of blocks and trial."""

    base: Outcomes
    fix: Outcomes


def share_called_fixed(worlds: Iterable[Pairs], error: float) -> float:
    """The share of experiments in which pairs, looked at one after the other, ever prove an effect."""
    called = total = 0
    for base, fix in worlds:
        disagree = base != fix
        both = np.cumsum(disagree, axis=1, dtype=np.int32)
        lost = np.cumsum(base & disagree, axis=1, dtype=np.int32)
        needed = np.concatenate(([1], effect_boundary(error, int(both.max(initial=1)))))
        called += int(np.sum((lost >= needed[both]).any(axis=1)))
        total += len(base)
    return called / total


def share_of_arms_called(worlds: Iterable[Pairs], boundaries: Boundaries) -> float:
    """The share of experiments in which a rule looks at every trial of the base alone, and ever stops."""
    stopped = total = 0
    for base, _ in worlds:
        failures = np.cumsum(base, axis=1, dtype=np.int32)
        trials = failures.shape[1]
        stops = (failures <= boundaries.low[:trials]) | (failures >= boundaries.high[:trials])
        stopped += int(np.sum(stops.any(axis=1)))
        total += len(base)
    return stopped / total


def share_called_fixed_by_fisher(worlds: Iterable[Pairs], error: float) -> float:
    """The share of experiments in which Fisher's test on all trials, read once at the end, proves an effect."""
    probability = cache(fisher)
    called = total = 0
    for base, fix in worlds:
        trials = base.shape[1]
        for lost, won in zip(base.sum(axis=1).tolist(), fix.sum(axis=1).tolist(), strict=True):
            called += probability(lost, trials, won, trials) <= error
        total += len(base)
    return called / total


def share_watched_with_fisher(rate: float, error: float, looks: range, experiments: int) -> float:
    """The share of experiments in which Fisher's test, repeated as trials come in, ever proves an effect."""
    generator = np.random.default_rng(40_006)
    base, fix = np.zeros((2, experiments), dtype=np.int64)
    called = np.zeros(experiments, dtype=np.bool_)
    for trials in looks:
        base += generator.binomial(looks.step, rate, experiments)
        fix += generator.binomial(looks.step, rate, experiments)
        for lost, won in set(zip(base.tolist(), fix.tolist(), strict=True)):
            if lost > won and fisher(lost, trials, won, trials) <= error:
                called |= (base == lost) & (fix == won)
    return float(np.mean(called))


def in_batches(experiments: int, pairs: int, world: Callable[[int], Pairs]) -> Iterator[Pairs]:
    """Experiments of a world, a few at a time."""
    done = 0
    while done < experiments:
        size = min(experiments - done, max(1, BATCH // pairs))
        yield world(size)
        done += size


def in_order(first: Outcomes, second: Outcomes, generator: np.random.Generator, *, shuffled: bool) -> Pairs:
    """What ran first and second as base and fix: in this order, or in one that is drawn for each pair."""
    if not shuffled:
        return Pairs(first, second)
    swapped = generator.random(first.shape, dtype=np.float32) < 0.5
    return Pairs(np.where(swapped, second, first), np.where(swapped, first, second))


def clustered(experiments: int, *, across: bool, workers: int = 20, trials: int = 50) -> Iterator[Pairs]:
    """Workers with rates of their own around 2 %, correlation 0.18; each pair within a worker, or across two."""
    generator = np.random.default_rng(40_001)
    spread = 1 / 0.1837 - 1

    def world(size: int) -> Pairs:
        rates = generator.beta(0.02 * spread, 0.98 * spread, (2, size, workers))
        if not across:
            rates[1] = rates[0]
        first, second = (
            generator.random((size, workers * trials), dtype=np.float32) < np.repeat(rate, trials, axis=1)
            for rate in rates
        )
        return in_order(first, second, generator, shuffled=not across)

    return in_batches(experiments, workers * trials, world)


def changing(experiments: int, *, one_after_the_other: bool, pairs: int = 1000) -> Iterator[Pairs]:
    """A rate that falls from 2 % to 1 % half-way: all of the base, then all of the fix; or pairs in random order."""
    generator = np.random.default_rng(40_002)
    rates = np.repeat((0.02, 0.01), pairs)

    def world(size: int) -> Pairs:
        failed = generator.random((size, 2 * pairs), dtype=np.float32) < rates
        if one_after_the_other:
            return Pairs(failed[:, :pairs], failed[:, pairs:])
        return in_order(failed[:, ::2], failed[:, 1::2], generator, shuffled=True)

    return in_batches(experiments, 2 * pairs, world)


def warming_up(experiments: int, *, shuffled: bool, pairs: int = 5000) -> Iterator[Pairs]:
    """The first trial of a pair fails in 3 %, the second in 1 %, whatever is run."""
    generator = np.random.default_rng(40_003)

    def world(size: int) -> Pairs:
        first = generator.random((size, pairs), dtype=np.float32) < 0.03
        second = generator.random((size, pairs), dtype=np.float32) < 0.01
        return in_order(first, second, generator, shuffled=shuffled)

    return in_batches(experiments, pairs, world)


def carrying_over(experiments: int, pairs: int = 2000) -> Iterator[Pairs]:
    """A trial fails in 1 %, and in half of all cases after one that failed; pairs in random order."""
    generator = np.random.default_rng(40_004)

    def world(size: int) -> Pairs:
        drawn = generator.random((2 * pairs, size), dtype=np.float32)
        failed = np.zeros((2 * pairs, size), dtype=np.bool_)
        before = failed[0]
        for trial in range(2 * pairs):
            before = failed[trial] = drawn[trial] < np.where(before, 0.5, 0.01)
        return in_order(failed[::2].T, failed[1::2].T, generator, shuffled=True)

    return in_batches(experiments, 2 * pairs, world)


def spoiled(
    experiments: int, *, replaced: bool, at_birth: float, later: float, pairs: int = 400, fails: float = 0.6
) -> Iterator[Pairs]:
    """Processes that are spoiled from the beginning, or from a trial on, and fail in 60 % then; one runs each arm.

    After a pair that disagrees both are replaced, or they never are.
    """
    generator = np.random.default_rng(40_007)

    def world(size: int) -> Pairs:
        failed = np.zeros((pairs, 2, size), dtype=np.bool_)
        bad = generator.random((2, size)) < at_birth
        for pair in range(pairs):
            bad |= generator.random((2, size), dtype=np.float32) < later
            failed[pair] = bad & (generator.random((2, size), dtype=np.float32) < fails)
            if replaced:
                disagree = failed[pair, 0] != failed[pair, 1]
                bad = np.where(disagree, generator.random((2, size)) < at_birth, bad)
        return Pairs(failed[:, 0].T, failed[:, 1].T)

    return in_batches(experiments, 2 * pairs, world)


def bursting(experiments: int, *, blocks: int = 60, trials: int = 50) -> Iterator[Pairs]:
    """Arms that are alike, in blocks of concurrent trials, the two blocks of a pair in random order.

    A leak hits 15 % of the blocks that run first and 5 % of those that run second, and fails 40 % of their trials.
    """
    generator = np.random.default_rng(40_005)

    def world(size: int) -> Pairs:
        first, second = (
            generator.random((size, blocks, trials), dtype=np.float32)
            < np.where(generator.random((size, blocks, 1)) < leaks, 0.4, 0.005)
            for leaks in (0.15, 0.05)
        )
        swapped = generator.random((size, blocks, 1)) < 0.5
        return Pairs(np.where(swapped, second, first), np.where(swapped, first, second))

    return in_batches(experiments, blocks * trials, world)


def winners(worlds: Iterable[Pairs]) -> Iterator[Pairs]:
    """Each pair of blocks as one pair: the block with more failures lost it."""
    for base, fix in worlds:
        more = base.sum(axis=2) - fix.sum(axis=2)
        yield Pairs(more > 0, more < 0)


def matched(worlds: Iterable[Pairs]) -> Iterator[Pairs]:
    """Every trial of a block paired with one of the other block, as if it were a coin of its own."""
    for base, fix in worlds:
        yield Pairs(base.reshape(len(base), -1), fix.reshape(len(fix), -1))
