"""A simulated target for the search of what makes it fail: known truth, and the ways in which real targets are bad."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.stats import gamma  # type: ignore[import-untyped]

from flakeproof.features.amplify.records import AmplifyFactor, AmplifyFindings, AmplifySetting, Batch, EffectKind
from flakeproof.features.amplify.search import search

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

    def rate(self, setting: AmplifySetting) -> float:
        """Failures per trial, without the spread and at the beginning."""
        odds = self.base / (1 - self.base) if self.base < 1 else 1e9
        for level in setting.levels:
            odds *= self.times.get(level, 1.0)
        for pair, times in self.together.items():
            if all(setting.has(*level) for level in pair):
                odds *= times
        return odds / (1 + odds)

    def shown(self, setting: AmplifySetting) -> float:
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

    def run(self, setting: AmplifySetting, seconds: float) -> Batch:
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


def factors(count: int) -> list[AmplifyFactor]:
    """So many; every third one has two levels."""
    return [
        AmplifyFactor(name=f"f{number:02}", levels=("mild", "strong") if number % 3 == 0 else ("on",))
        for number in range(count)
    ]


def searched(
    world: World,
    seconds: float,
    seed: int,
    count: int = 12,
    given: Sequence[str] = ("flake",),
    error: float = 0.05,
    looker: "Looker | None" = None,
    common: Sequence[Level] = (),
) -> AmplifyFindings:
    """A search in it."""
    simulation = Simulation(world, seconds, seed)

    def look(signatures: Collection[str], leading: Collection[str] | None) -> Level | None:
        if looker is None:
            return None
        looker.asked.append((set(signatures), None if leading is None else set(leading)))
        simulation.time += looker.seconds
        return looker.finds

    return search(
        factors(count),
        simulation.run,
        seconds=seconds,
        left=simulation.left,
        seed=seed,
        signatures=given,
        error=error,
        common=common,
        look=look,
    )


@dataclass
class Looker:
    """Looks for one more level, and takes its time for it."""

    finds: Level | None
    seconds: float = 10.0
    asked: list[tuple[set[str], set[str] | None]] = field(default_factory=list)
    """With which signatures, and leading factors."""


@dataclass(frozen=True)
class Judged:
    """A search held against the truth."""

    named: bool
    """Every level that matters was said to."""
    wrongly: bool
    """A level that does not matter was said to raise or to lower the rate."""
    claimed: bool
    """Anything at all was."""
    best: bool
    """A setting was found …"""
    strong: bool
    """… and it fails ten times as often as plain trials do, or in more than half of the trials."""
    paired: bool
    """The pairs that act together were said to."""
    wrong_pair: bool
    levels: int
    """In the setting found."""
    covered: bool
    """The interval of the rate holds the true one."""


def judge(world: World, found: AmplifyFindings) -> Judged:
    """What is right in it."""
    matter = {*world.times, *(level for pair in world.together for level in pair)}
    said = {(one.factor, one.level): one.kind for one in found.effects if one.kind is not EffectKind.NONE_SEEN}
    pairs = {(one.first, one.second) for one in found.pairs}
    acting = {(min(pair), max(pair)) for pair in world.together}
    if len(world.times) > 1:
        acting |= set(itertools.combinations(sorted(world.times), 2))
    rate = world.shown(found.best.setting) if found.best else 0.0
    return Judged(
        named=all(said.get(level) is EffectKind.RAISES for level in matter),
        wrongly=bool(said.keys() - matter),
        claimed=bool(said or pairs or found.best),
        best=found.best is not None,
        strong=rate >= 9.99 * world.shown(AmplifySetting()) or rate > 0.5,
        paired=acting <= pairs,
        wrong_pair=bool(pairs - acting),
        levels=len(found.best.setting.levels) if found.best else 0,
        covered=found.best is not None and found.best.rate.low <= rate <= found.best.rate.high,
    )


A, B, C, D, E = ("f01", "on"), ("f03", "strong"), ("f05", "on"), ("f07", "on"), ("f08", "on")
NOTHING = {
    "nothing matters": World(0.02),
    "… batches differ, the rate drifts": World(0.02, spread=0.5, drift=0.3),
    "… levels slow trials down, or speed them up": World(0.02, spread=0.3, slows={A: 4, B: 0.3, D: 10}),
    "… levels hide the flake, or break the target": World(0.02, spread=0.2, hides={A: 1, B: 0.8}, breaks=[C]),
}
"""Worlds in which nothing may be claimed."""
SOMETHING = {
    "one level: 2% to 20%": World(0.02, times={A: 12.25}),
    "… batches differ, the rate drifts": World(0.02, times={A: 16}, spread=0.5, drift=0.3),
    "… and levels hide, break, slow down": World(
        0.02, times={A: 16}, spread=0.3, drift=0.5, hides={C: 1, E: 0.3}, breaks=[D], slows={("f02", "on"): 4, A: 2}
    ),
    "one level: 0.05% to 5%": World(0.0005, times={A: 105}, spread=0.2),
    "two levels: 2%, 9% each, 34% both": World(0.02, times={A: 5, C: 5}, spread=0.2),
    "two levels, together only: 0.2% to 6%": World(0.002, together={(A, C): 32}),
    "two levels, together only: 2% to 38%": World(0.02, together={(A, B): 30}, spread=0.3),
}
"""Worlds in which something is to be found."""
