"""A simulated target for the search of what makes it fail: known truth, and the ways in which real targets are bad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.stats import gamma  # type: ignore[import-untyped]

from flakeproof.amplifying.model import Batch, Factor, Found, Setting
from flakeproof.amplifying.search import search

Level = tuple[str, str]


@dataclass(frozen=True)
class World:
    """How the target behaves under a setting."""

    base: float
    """Failure rate of plain trials."""
    trial: float = 0.02
    """Seconds of one."""
    start: float = 0.3
    """Seconds that a run takes besides."""
    times: Mapping[Level, float] = field(default_factory=dict)
    """By what a level multiplies the odds of failing."""
    together: Mapping[tuple[Level, Level], float] = field(default_factory=dict)
    """The same for two levels that do nothing alone."""
    hides: Mapping[Level, float] = field(default_factory=dict)
    """Share of trials that fail in another way under a level."""
    slows: Mapping[Level, float] = field(default_factory=dict)
    """By what a level multiplies the seconds of a trial."""
    breaks: Sequence[Level] = ()
    """Levels under which nothing can be run."""
    spread: float = 0.0
    """Squared coefficient of variation of the odds between batches."""
    drift: float = 1.0
    """By what the odds are multiplied from the beginning of the budget to its end, in waves on top of it."""
    other: float = 0.0
    """Share of trials that fail in another way whatever is on."""

    def rate(self, setting: Setting) -> float:
        """Failures per trial, without the spread and at the beginning."""
        odds = self.base / (1 - self.base) if self.base < 1 else 1e9
        for level in setting.levels:
            odds *= self.times.get(level, 1.0)
        for pair, times in self.together.items():
            if all(setting.has(*level) for level in pair):
                odds *= times
        return odds / (1 + odds)

    def shown(self, setting: Setting) -> float:
        """The rate of failures that are not hidden behind others, on average over batches."""
        rate = self.rate(setting)
        if self.spread and rate < 1:
            odds = rate / (1 - rate) * _gamma_points(self.spread)
            rate = float(np.mean(odds / (1 + odds)))
        for level in setting.levels:
            rate *= 1 - self.hides.get(level, 0.0)
        return rate


@cache
def _gamma_points(spread: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Numbers that stand for those that are drawn."""
    return np.asarray(gamma.ppf((np.arange(2000) + 0.5) / 2000, 1 / spread, scale=spread))


class Simulation:
    """A world with a clock of its own."""

    def __init__(self, world: World, seconds: float, seed: int) -> None:
        """At its beginning."""
        self.world, self.seconds, self.time = world, seconds, 0.0
        self.chance = np.random.default_rng([40_010, seed])
        self.runs = 0

    def left(self) -> float:
        """Seconds of the budget."""
        return self.seconds - self.time

    def run(self, setting: Setting, seconds: float) -> Batch:
        """Run a batch."""
        world, chance = self.world, self.chance
        self.runs += 1
        self.time += world.start * float(chance.uniform(0.8, 1.2))
        if any(level in world.breaks for level in setting.levels):
            return Batch(setting=setting, trials=0, failed={}, seconds=0.0, broke="no such device")
        each = world.trial
        for level in setting.levels:
            each *= world.slows.get(level, 1.0)
        trials = max(1, round(seconds / each))
        rate = world.rate(setting)
        phase = self.time / self.seconds
        odds = rate / (1 - rate) if rate < 1 else 1e9
        odds *= world.drift ** (phase + 0.3 * float(np.sin(12 * phase)))
        if world.spread:
            odds *= float(chance.gamma(1 / world.spread, world.spread))
        hidden = 1 - world.other
        for level in setting.levels:
            hidden *= 1 - world.hides.get(level, 0.0)
        others = int(chance.binomial(trials, 1 - hidden))
        failed = int(chance.binomial(trials - others, odds / (1 + odds)))
        took = trials * each * float(chance.uniform(0.95, 1.05))
        self.time += took
        found = {name: count for name, count in (("flake", failed), ("other", others)) if count}
        return Batch(setting=setting, trials=trials, failed=found, seconds=took)


def factors(count: int) -> list[Factor]:
    """So many; every third one has two levels."""
    return [
        Factor(name=f"f{number:02}", levels=("mild", "strong") if number % 3 == 0 else ("on",))
        for number in range(count)
    ]


def searched(world: World, seconds: float, seed: int, count: int = 12, given: Sequence[str] = ("flake",)) -> Found:
    """A search in it."""
    simulation = Simulation(world, seconds, seed)
    return search(factors(count), simulation.run, seconds=seconds, left=simulation.left, seed=seed, signatures=given)
