"""The race between the settings that look best: which gives the most failures per second."""

import random
from collections.abc import Mapping, Sequence

from flakeproof.amplifying.bench import Bench, Purpose, tell
from flakeproof.amplifying.design import Level
from flakeproof.amplifying.evidence import Model, Unit
from flakeproof.amplifying.flake import Flake
from flakeproof.amplifying.model import PLAIN, Setting
from flakeproof.stats.factorial import dispersion
from flakeproof.stats.racing import Arm, chances_best, mean_rates, next_arm

MOST = 8
"""Settings in a race."""
_SINGLES, _PAIRED, _TOGETHER = 3, 3, 4
"""Levels that race alone, in pairs, and all at once."""
_SURE = 0.95
_WITHIN = 0.2
"""Settings whose rates differ by less are as good as each other."""
_AS_GOOD = 0.3
"""Probability of being as good as the leader from which on a setting with fewer factors is preferred."""
_PLAIN_SHARE = 0.1
_ENOUGH = 4
_FEWEST_SECONDS = 1e-9


def candidates(model: Model, leaning: Mapping[Level, float], data: Sequence[Unit]) -> list[Setting]:
    """The settings for the race: the most promising levels, alone, in pairs and together, and the best one seen."""
    up = [one for one in sorted(leaning, key=lambda one: -leaning[one]) if leaning[one] > 0]
    found = [PLAIN.plus(*level) for level in up[:_SINGLES]]
    top = _one_of_each(up)
    found += [
        PLAIN.plus(*first).plus(*second)
        for place, first in enumerate(top[:_PAIRED])
        for second in top[place + 1 : _PAIRED]
    ]
    together = PLAIN
    for level in top[:_TOGETHER]:
        together = together.plus(*level)
    found.append(together)
    allowed = set(leaning)
    known = [one for one in data if one.failures and set(one.setting.levels) <= allowed and one.setting.levels]
    if known:
        # The model's expectation keeps a single lucky batch from being taken for the best.
        best = max(known, key=lambda one: (one.failures + 2 * model.rate(one.setting)) / (one.trials + 2))
        found.append(best.setting)
    return [one for one in dict.fromkeys(found) if not one.is_plain][:MOST]


def _one_of_each(levels: Sequence[Level]) -> list[Level]:
    """The first level of each factor."""
    found: dict[str, Level] = {}
    for level in levels:
        found.setdefault(level[0], level)
    return list(found.values())


class Race:
    """Settings that are run until it is known which is best, or time is up."""

    def __init__(self, bench: Bench, flake: Flake, length: float, chance: random.Random) -> None:
        """Batches take about `length` seconds."""
        self._bench, self._flake, self._length, self._chance = bench, flake, length, chance
        self._batches: dict[Setting, list[tuple[int, int, float]]] = {}
        """(failures, trials, seconds) of each batch."""
        self.broken: dict[Setting, str] = {}

    def run(self, settings: Sequence[Setting], until: float) -> list[Setting]:
        """Race these; those that could be run, the best first. It ends when `until` seconds of the budget are used."""
        order = list(settings)
        self._chance.shuffle(order)
        for setting in order:
            if self._bench.used < until:
                self._one(setting)
        while len(running := self._running(settings)) > 1 and self._bench.used < until:
            if self._chance.random() < _PLAIN_SHARE:
                self._bench.run(PLAIN, self._length, Purpose.PLAIN)
                continue
            arms, spread = self._arms(running), self._dispersion()
            if max(chances_best(arms, self._chance, spread, _WITHIN)) >= _SURE and self._looked_at(running):
                break
            self._one(running[next_arm(arms, self._chance, spread)])
        return self.ranked(self._running(settings))

    def preferred(self, settings: Sequence[Setting]) -> Setting | None:
        """The setting with the fewest factors of those that are about as good as the best; None if all broke."""
        running = self.ranked(self._running(settings))
        if not running:
            return None
        arms, spread = self._arms(running), self._dispersion()
        places = [0]
        for place in range(1, len(running)):
            good = chances_best([arms[0], arms[place]], self._chance, spread, _WITHIN)[1]
            places += [place] if good >= _AS_GOOD else []
        return running[min(places, key=lambda place: (len(running[place].levels), place))]

    def _one(self, setting: Setting) -> None:
        if setting in self.broken:
            return
        batch = self._bench.run(setting, self._length, Purpose.RACE)
        if batch.broke:
            self.broken[setting] = f"could not be run: {batch.broke}"
            return
        if batch.trials >= _ENOUGH and self._flake.is_spoiled(batch):
            self.broken[setting] = "other failures hide the flake"
            return
        told = tell(batch, self._flake.signatures)
        self._batches.setdefault(setting, []).append((told.failures, batch.trials, batch.seconds))

    def _running(self, settings: Sequence[Setting]) -> list[Setting]:
        return [one for one in settings if one not in self.broken and one in self._batches]

    def _arms(self, settings: Sequence[Setting]) -> list[Arm]:
        return [
            Arm(
                sum(one for one, _, _ in self._batches[setting]),
                max(_FEWEST_SECONDS, sum(seconds for _, _, seconds in self._batches[setting])),
            )
            for setting in settings
        ]

    def _looked_at(self, settings: Sequence[Setting]) -> bool:
        """Whether the leader was run often enough to know how much its batches differ."""
        leader = self.ranked(settings)[0]
        return len(self._batches[leader]) > 2

    def _dispersion(self) -> float:
        return dispersion([[(one, size) for one, size, _ in cell] for cell in self._batches.values()])

    def ranked(self, settings: Sequence[Setting]) -> list[Setting]:
        """Those of them that were run, most failures per second first."""
        settings = self._running(settings)
        means = dict(zip(settings, mean_rates(self._arms(settings), self._dispersion()), strict=True))
        return sorted(settings, key=lambda one: -means[one])
