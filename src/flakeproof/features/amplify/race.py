"""The race between the settings that look best: which gives the most failures per second."""

import random
from collections.abc import Mapping, Sequence

from flakeproof.features.amplify.budgeted_runs import Bench, Purpose, tell
from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.masking import FlakeFilter
from flakeproof.features.amplify.rate_model import Model, Unit
from flakeproof.features.amplify.records import PLAIN, AmplifySetting
from flakeproof.stats.factorial import dispersion
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.stats.racing import RacingArm, chances_best, mean_rates, next_arm

MOST = 8
"""Settings in a race."""
_PAIRED, _TOGETHER = 3, 4
"""Levels that race in pairs, and all at once."""
_FORESEEN = 1.5
"""Failures that what the screening lets expect is worth."""
_SURE = 0.95
_WITHIN = 0.2
"""Settings whose rates differ by less are as good as each other."""
_FAST_ENOUGH = 0.4
"""Share of the failures per second of the leader from which on the failure rate decides."""
_AS_OFTEN, _AT_LEAST_AS_OFTEN = 0.8, 0.5
"""Shares of the highest failure rate that another may be, by its interval, and is, where fewer factors decide."""
_PLAIN_SHARE = 0.1
_ENOUGH = 4
_FEWEST_SECONDS = 1e-9


def candidates(
    model: Model, leaning: Mapping[Level, float], data: Sequence[Unit], known: Level | None = None
) -> list[AmplifySetting]:
    """The settings for the race, what promises most first.

    The levels that lean most towards failing, alone, in pairs and all together, and the best setting that was seen.
    Before them a level that is `known` to matter by other means, alone and with the one that leans most.
    """
    up = [one for one in sorted(leaning, key=lambda one: -leaning[one]) if leaning[one] > 0]
    if known is not None:
        alone = _alone(known)
        others = [one for one in up if one[0] != known[0]]
        first = [alone, *(alone.plus(*level) for level in others[:1])]
        return list(dict.fromkeys([*first, *candidates(model, leaning, data)]))[:MOST]
    if not up:
        return []
    top = _one_of_each(up)
    singles = [PLAIN.plus(*level) for level in up]
    doubles = [one.plus(*level) for place, level in enumerate(top[:_PAIRED]) for one in map(_alone, top[:place])]
    together = PLAIN
    for level in top[:_TOGETHER]:
        together = together.plus(*level)
    found = [singles[0], *doubles[:1], together, *singles[1:2], *_best_seen(model, leaning, data), *doubles[1:]]
    siblings = [_alone(level) for level in leaning if level[0] == up[0][0]]  # more of the same may be better, or less
    return list(dict.fromkeys([*found, *siblings, *singles[2:]]))[:MOST]


def _alone(level: Level) -> AmplifySetting:
    return PLAIN.plus(*level)


def _best_seen(model: Model, leaning: Mapping[Level, float], data: Sequence[Unit]) -> list[AmplifySetting]:
    """Of the settings that were drawn; the model's expectation keeps a lucky batch from being taken for the best."""
    known = [one for one in data if one.failures and one.setting.levels and leaning.keys() >= set(one.setting.levels)]
    best = max(known, key=lambda one: (one.failures + 2 * model.rate(one.setting)) / (one.trials + 2), default=None)
    return [best.setting] if best is not None else []


def _one_of_each(levels: Sequence[Level]) -> list[Level]:
    """The first level of each factor."""
    found: dict[str, Level] = {}
    for level in levels:
        found.setdefault(level[0], level)
    return list(found.values())


class SettingsRace:
    """Settings that are run until it is known which is best, or time is up."""

    def __init__(
        self, bench: Bench, flake: FlakeFilter, model: Model | None, length: float, chance: random.Random
    ) -> None:
        """Batches take about `length` seconds; the `model` of the screening says what to expect."""
        self._bench, self._flake, self._model = bench, flake, model
        self._length, self._chance = length, chance
        self._batches: dict[AmplifySetting, list[tuple[int, int, float]]] = {}
        """(failures, trials, seconds) of each batch."""
        self.broken: dict[AmplifySetting, str] = {}

    def run(self, settings: Sequence[AmplifySetting], until: float, *, to_the_end: bool = False) -> None:
        """Race these until `until` seconds of the budget are used, or it is known which is best."""
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
            if not to_the_end and self._is_decided(running, arms, spread):
                break
            self._one(running[next_arm(arms, self._chance, spread)])

    def preferred(self, settings: Sequence[AmplifySetting]) -> AmplifySetting | None:
        """Of those that are about as fast as the fastest the one that fails most often, with the fewest factors.

        What slows the target down may give no more failures per second, and yet make nearly each trial fail: one such
        trial says more than a hundred others. None if all broke.
        """
        running = self.ranked(self._running(settings))
        if not running:
            return None
        # Of many fast trials without a failure, what the screening let expect is no longer worth anything.
        running = [one for one in running if self._counts(one)[0]] or running
        speeds = mean_rates(self._arms(running), self._dispersion())
        fast = [one for one, speed in zip(running, speeds, strict=True) if speed >= _FAST_ENOUGH * speeds[0]]
        counts = {one: self._counts(one) for one in fast}
        failures, trials = max(counts.values(), key=lambda count: clopper_pearson(*count).low)
        most = failures / trials
        often = [
            one
            for one, (seen, of) in counts.items()
            if clopper_pearson(seen, of).high >= _AS_OFTEN * most and seen / of >= _AT_LEAST_AS_OFTEN * most
        ]
        return min(often, key=lambda one: (len(one.levels), fast.index(one)))

    def _counts(self, setting: AmplifySetting) -> tuple[int, int]:
        """Failures and trials; one trial at least."""
        batches = self._batches[setting]
        return sum(one for one, _, _ in batches), max(1, sum(size for _, size, _ in batches))

    def _one(self, setting: AmplifySetting) -> None:
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

    def _running(self, settings: Sequence[AmplifySetting]) -> list[AmplifySetting]:
        return [one for one in settings if one not in self.broken and one in self._batches]

    def _arms(self, settings: Sequence[AmplifySetting]) -> list[RacingArm]:
        return [self._arm(setting) for setting in settings]

    def _arm(self, setting: AmplifySetting) -> RacingArm:
        seen = self._seen(setting)
        if self._model is None or not self._model.knows(setting) or (rate := self._model.rate(setting)) <= 0:
            return seen
        return RacingArm(seen.failures + _FORESEEN, seen.seconds + _FORESEEN / rate * self._bench.trial(setting))

    def _seen(self, setting: AmplifySetting) -> RacingArm:
        batches = self._batches[setting]
        return RacingArm(sum(one for one, _, _ in batches), max(_FEWEST_SECONDS, sum(took for _, _, took in batches)))

    def _is_decided(self, settings: Sequence[AmplifySetting], arms: Sequence[RacingArm], spread: float) -> bool:
        """Whether one is surely as good as any; it has been run often enough to know how much its batches differ."""
        leader = self.ranked(settings)[0]
        if len(self._batches[leader]) <= 2:
            return False
        return max(chances_best(arms, self._chance, spread, _WITHIN)) >= _SURE

    def per_second(self, setting: AmplifySetting) -> float:
        """Failures per second of a setting that raced, as far as is known."""
        return mean_rates([self._arm(setting)], self._dispersion())[0]

    def _dispersion(self) -> float:
        return dispersion([[(one, size) for one, size, _ in cell] for cell in self._batches.values()])

    def ranked(self, settings: Sequence[AmplifySetting]) -> list[AmplifySetting]:
        """Those of them that were run, most failures per second first."""
        settings = self._running(settings)
        means = dict(zip(settings, mean_rates(self._arms(settings), self._dispersion()), strict=True))
        return sorted(settings, key=lambda one: -means[one])
