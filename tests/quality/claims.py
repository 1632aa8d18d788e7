"""What flakeproof's statistics claim, each with what was measured: rows for the tests, and for `docs/statistics.md`."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from tests.quality import simulate as sim

from flakeproof.stats.detection import zero_failure_bound
from flakeproof.stats.intervals import Interval, clopper_pearson, wilson
from flakeproof.stats.threshold import trials_without_failure

MANY, SOME, FEW = 100_000, 20_000, 4_000
"""Experiments: of the rules, of the worlds, and of rules that are so wrong that it is seen at once."""
FAR_MORE = 10
"""A rule that is said to be wrong is wrong so many times as often as it says, or more."""
RATE = 0.02
EFFORT = 0.05
"""How far mean numbers of trials may be from the reference ones."""
TABULATED = (1e-2, 1e-4, 1e-6)


class Row(NamedTuple):
    """One claim."""

    claim: str
    how: str
    nominal: str
    measured: str
    holds: bool


def percent(share: float) -> str:
    """A share that was chosen: `5%`, or `1e-6` for one that is too small to be read so."""
    return f"{100 * share:g}%" if share > 1e-3 else f"{share:.0e}".replace("e-0", "e-")


def measured(share: float) -> str:
    """A share that was found: `0.830%`, or `9.87e-5`."""
    return f"{100 * share:#.3g}".rstrip(".") + "%" if share > 1e-3 else f"{share:.2e}".replace("e-0", "e-")


def simulated(share: float, experiments: int) -> str:
    """A share with the error of its simulation, in percent, too."""
    return f"{measured(share)} ± {100 * math.sqrt(share * (1 - share) / experiments):.1g}"


def at_most(claim: str, share: float, nominal: float, experiments: int) -> Row:
    """A simulated share of wrong answers that must not exceed the nominal one."""
    how = f"{experiments:,} simulated"
    return Row(claim, how, f"≤ {percent(nominal)}", simulated(share, experiments), share <= nominal)


def exactly_at_most(claim: str, share: float, nominal: float) -> Row:
    """The same, summed without chance."""
    return Row(claim, "exact", f"≤ {percent(nominal)}", measured(share), share <= nominal)


def naive(claim: str, share: float, nominal: float, *, times: float = FAR_MORE, experiments: int = FEW) -> Row:
    """The share of wrong answers of a rule that is not ours: so many times the nominal one, or more."""
    how, found = f"{experiments:,} simulated", f"**{simulated(share, experiments)}**"
    return Row(f"*wrong:* {claim}", how, f"says {percent(nominal)}", found, share >= times * nominal)


def errors_of_one_arm() -> Iterator[Row]:
    """A rate on the threshold of 2 %, looked at after every trial."""
    for error in (0.05, 0.01):
        found = sim.walks(RATE, sim.below_rule(RATE, error, 3000), MANY, seed=1).low
        yield at_most("called below it, by the mixture", found, error, MANY)
        found = sim.walks(RATE, sim.above_rule(RATE, error, 3000), MANY, seed=2).high
        yield at_most("called above it, by the mixture", found, error, MANY)
        found = sim.walks(RATE, sim.walds_rule(RATE, 10, error, 3000), 5 * MANY, seed=3).low
        yield at_most("called a tenth of it, by Wald's test", found, error, 5 * MANY)
    for error in TABULATED:
        wald = sim.walds_rule(RATE, 10, error, 12_000)
        yield exactly_at_most("called a tenth of it, by Wald's test", sim.exactly(RATE, wald).low, error)
        yield exactly_at_most(
            "a tenth of it is called no less, by Wald's test", sim.exactly(RATE / 10, wald).high, error
        )


def errors_of_pairs() -> Iterator[Row]:
    """Arms that are alike, looked at after every pair that disagrees."""
    ends = {None: "no other end", 10.0: "ends, too, when not 10-fold", 2.0: "ends, too, when not 2-fold"}
    for error in (0.05, 0.01):
        for reduction, end in ends.items():
            found = sim.walks(0.5, sim.pairs_rule(error, reduction, 1500), MANY, seed=4).high
            yield at_most(f"a fix without effect is called one; {end}", found, error, MANY)
        looks = range(100, 5_001, 100)
        found = sim.share_watched_with_fisher(RATE, error, looks, FEW)
        yield naive("the same by Fisher's test, repeated every 100 trials (50 looks)", found, error, times=3)
    for error in TABULATED:
        for reduction in (10.0, 2.0):
            rule = sim.pairs_rule(error, reduction, 4000)
            found = sim.exactly(0.5, rule).high
            yield exactly_at_most(f"a fix without effect is called one; {ends[reduction]}", found, error)
            found = sim.exactly(reduction / (1 + reduction), rule).low
            yield exactly_at_most(f"a fix that is {reduction:g}-fold is called less", found, error)


def as_printed(failures: int, trials: int, confidence: float) -> Interval:
    """The interval at the end of a run: one-sided where nothing failed."""
    if failures == 0:
        return Interval(0.0, zero_failure_bound(trials, confidence), confidence, "one-sided")
    return clopper_pearson(failures, trials, confidence)


def coverage() -> Iterator[Row]:
    """Intervals, watched and read once."""
    for confidence in (0.95, 0.99):
        for rate, most in ((RATE, 8000), (0.2, 3000)):
            found = sim.walks(rate, sim.robbins_rule(rate, confidence, most), SOME, seed=5)
            claim = f"the running interval ever misses {percent(rate)} in {most:,} trials"
            yield at_most(claim, found.low + found.high, 1 - confidence, SOME)
    missed = sim.ever_missed(wilson, RATE, range(100, 5_001, 100), FEW)
    yield naive("Wilson's interval, watched, ever misses 2% (50 looks)", missed, 0.05, times=5)
    rates = np.geomspace(0.0005, 0.5, 40).tolist()
    for confidence in (0.95, 0.99):
        least = min(sim.coverage(clopper_pearson, trials, rate, confidence) for trials in (50, 400) for rate in rates)
        claim = "Clopper-Pearson holds the rate, at the worst of 80 rates and sizes"
        yield Row(claim, "exact", f"≥ {percent(confidence)}", measured(least), least >= confidence - 1e-12)
    near = [(trials, times / trials) for trials in (20, 100, 400) for times in np.linspace(0.5, 6, 60).tolist()]
    least = min(sim.coverage(as_printed, trials, rate, 0.95) for trials, rate in near)
    claim = "the same, with the one-sided bound where nothing failed: tails of 5% above, 2.5% below"
    yield Row(claim, "exact", "≥ 92.5%", measured(least), least >= 0.925)


def effort_row(claim: str, reference: float, found: float) -> Row:
    """A mean number of trials beside the one that it must be near."""
    return Row(
        claim, "exact", f"{reference:,.0f} ± {percent(EFFORT)}", f"{found:,.0f}", abs(found / reference - 1) <= EFFORT
    )


def effort_of_one_arm() -> Iterator[Row]:
    """Mean trials to a verdict, of one arm, at a threshold of 2 %."""
    for ratio, fixed, broken in ((10, (338, 680, 1_020), (193, 358, 521)), (2, (1454, 2954, 4431), (1216, 2416, 3593))):
        for error, if_fixed, if_not in zip(TABULATED, fixed, broken, strict=True):
            rule = sim.walds_rule(RATE, ratio, error, 120_000 // ratio)
            claim = f"Wald's test for a rate {ratio} times lower, error {percent(error)}"
            yield effort_row(f"{claim}: it is", if_fixed, sim.exactly(RATE / ratio, rule).steps)
            yield effort_row(f"{claim}: it is not", if_not, sim.exactly(RATE, rule).steps)
    for error, reference in zip(TABULATED, (277, 521, 758), strict=True):
        yield effort_row(
            f"the mixture, error {percent(error)}: none fails", reference, trials_without_failure(RATE, error)
        )


def effort_of_pairs() -> Iterator[Row]:
    """Mean trials of both arms to a verdict, when the base fails in 2 %."""
    cases = (
        ("the fix never fails", 10.0, 0.0, (800, 1600, 2200)),
        ("the fix fails a tenth as often", 10.0, RATE / 10, (1186, 2380, 3440)),
        ("the fix fails half as often", 2.0, RATE / 2, (6674, 12_634, 18_243)),
        ("the fix does nothing", 10.0, RATE, (554, 1002, 1426)),
    )
    for claim, reduction, rate, references in cases:
        base_only, fix_only = RATE * (1 - rate), rate * (1 - RATE)
        for error, reference in zip(TABULATED, references, strict=True):
            rule = sim.pairs_rule(error, reduction, 4000)
            pairs = sim.exactly(base_only / (base_only + fix_only), rule).steps / (base_only + fix_only)
            yield effort_row(
                f"pairs, given up when not {reduction:g}-fold, error {percent(error)}: {claim}", reference, 2 * pairs
            )


def dependence() -> Iterator[Row]:
    """Arms that are alike, in worlds whose trials are not independent, at an error of 1 %."""
    error = 0.01
    found = sim.share_called_fixed(sim.clustered(SOME, across=False), error)
    yield at_most("processes of different rates: pairs within a process, in random order", found, error, SOME)
    found = sim.share_called_fixed(sim.clustered(FEW, across=True), error)
    yield naive("processes of different rates: pairs formed across two processes", found, error)
    found = sim.share_called_fixed_by_fisher(sim.clustered(FEW, across=True), error)
    yield naive("processes of different rates: Fisher's test on all trials", found, error)
    for claim, rule in (("below", sim.below_rule), ("above", sim.above_rule)):
        found = sim.share_of_arms_called(sim.clustered(FEW, across=False), rule(RATE, error, 3000))
        yield naive(f"processes of different rates: one arm on a threshold is called {claim} it", found, error)
    found = sim.share_called_fixed(sim.changing(SOME, one_after_the_other=False), error)
    yield at_most("the rate halves on the way: pairs in random order", found, error, SOME)
    found = sim.share_called_fixed_by_fisher(sim.changing(FEW, one_after_the_other=True), error)
    yield naive("the rate halves on the way: an old base against a new fix, Fisher's test", found, error)
    found = sim.share_called_fixed(sim.warming_up(SOME, shuffled=True), error)
    yield at_most("the first of two fails more often: pairs in random order", found, error, SOME)
    found = sim.share_called_fixed(sim.warming_up(FEW, shuffled=False), error)
    yield naive("the first of two fails more often: the base always first", found, error)
    found = sim.share_called_fixed(sim.carrying_over(SOME), error)
    yield at_most("a failure makes the next one likely: pairs in random order", found, error, SOME)


def replacement() -> Iterator[Row]:
    """Arms that are alike, each in a process that may be spoiled for the rest of its life."""
    worlds = {
        "processes turn bad, after 20 trials in the mean": (0.0, 0.05),
        "hash order: half of the processes fail": (0.5, 0.0),
    }
    for world, (at_birth, later) in worlds.items():
        for error in (0.05, 0.01):
            found = sim.share_called_fixed(sim.spoiled(SOME, replaced=True, at_birth=at_birth, later=later), error)
            yield at_most(f"{world}: both are replaced after a pair that disagrees", found, error, SOME)
            found = sim.share_called_fixed(sim.spoiled(SOME, replaced=False, at_birth=at_birth, later=later), error)
            yield naive(f"{world}: none is replaced", found, error, times=4, experiments=SOME)


def blocks() -> Iterator[Row]:
    """Arms that are alike and alternate in blocks of 50 concurrent trials, where one leak fails many of a block."""
    for error in (0.05, 0.01):
        found = sim.share_called_fixed(sim.winners(sim.bursting(SOME)), error)
        yield at_most("leaks in blocks: each pair of blocks is one coin", found, error, SOME)
    found = sim.share_called_fixed(sim.matched(sim.bursting(FEW)), 0.01)
    yield naive("leaks in blocks: every trial is a coin", found, 0.01)
    found = sim.share_called_fixed_by_fisher(sim.matched(sim.bursting(FEW)), 0.01)
    yield naive("leaks in blocks: Fisher's test on all trials", found, 0.01)
    decide = 1 - (1 - RATE) ** 50
    rule = sim.pairs_rule(1e-6, None, 100)
    claim = "pairs of blocks of 50 that prove a fix that never fails, at 2% and an error of 1e-6"
    yield effort_row(claim, 35, sim.exactly(1.0, rule).steps / decide)


GROUPS: dict[str, Callable[[], Iterator[Row]]] = {
    "One arm and a threshold of 2%, looked at after every trial": errors_of_one_arm,
    "Two arms that are alike, looked at after every pair": errors_of_pairs,
    "Intervals": coverage,
    "Trials to a verdict, one arm": effort_of_one_arm,
    "Trials to a verdict, both arms together": effort_of_pairs,
    "Trials that are not independent, arms that are alike": dependence,
    "Processes that go on failing, arms that are alike": replacement,
    "Arms that alternate in blocks of concurrent trials": blocks,
}
"""Every claim, by the heading of its table."""
