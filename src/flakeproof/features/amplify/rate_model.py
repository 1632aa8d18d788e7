"""What the batches of a screening tell about each level: a working model of the rate, and tests that do not need it."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flakeproof.features.amplify.budgeted_runs import BatchRun, Purpose, tell
from flakeproof.features.amplify.design import Design, Level
from flakeproof.features.amplify.records import AmplifySetting
from flakeproof.stats.factorial import REDRAWS, Draw, randomisation_test, studentised

_SPREAD = 0.3
"""Squared coefficient of variation of the rate between batches, by which a batch of many failures is weighed down."""
_SWEEPS = 12
_PRIOR = 1.0
"""Failures by which the ratio of a level is drawn towards 1."""
_TIMES = 5
"""Parts of the screening that have a rate of their own in the model, for drift."""
_MOST_RATE = 0.98
_HALF = 0.5
_FINER = 3
"""So many times as small as it has to be is the least p-value that there can be."""


@dataclass(frozen=True)
class Unit:
    """A batch whose setting was drawn."""

    setting: AmplifySetting
    design: Design
    failures: int
    trials: int
    time: Level
    """A factor of its own in the model."""


def units(ran: Iterable[BatchRun], signatures: Collection[str]) -> list[Unit]:
    """Of the batches that were drawn, those that tell anything."""
    drawn = [(one.batch, one.design) for one in ran if one.purpose is Purpose.DRAWN and one.design is not None]
    found = []
    for place, (batch, design) in enumerate(drawn):
        told = tell(batch, signatures)
        if told.trials:
            time = ("", str(place * _TIMES // len(drawn)))
            found.append(Unit(batch.setting, design, told.failures, told.trials, time))
    return found


@dataclass
class Model:
    """A rate for each batch: the product of a base, a ratio for each level that is on, and one for the time.

    It decides what is worth trying and sharpens the tests; nothing that is claimed rests on it being right.
    """

    base: float
    ratios: dict[Level, float]

    def knows(self, setting: AmplifySetting) -> bool:
        """Whether every level of it was seen."""
        return all(level in self.ratios for level in setting.levels)

    def rate(self, setting: AmplifySetting) -> float:
        """Of failures per trial."""
        found = self.base
        for level in setting.levels:
            found *= self.ratios.get(level, 1.0)
        return min(_MOST_RATE, found)


def fit(data: Sequence[Unit], leave_out: Level | None = None) -> tuple[Model, list[float]]:
    """The model, and the failures that it expects in each batch; one level may be left out of it.

    Quasi-likelihood with a variance of m + 0.3 m^2, solved ratio by ratio; each ratio has a gamma prior around 1.
    """
    failures = sum(one.failures for one in data) + 0.5
    base = failures / (sum(one.trials for one in data) + 1)
    keys: dict[Level, list[int]] = {}
    for place, one in enumerate(data):
        for level in (*one.setting.levels, one.time):
            if level != leave_out:
                keys.setdefault(level, []).append(place)
    ratios = dict.fromkeys(keys, 1.0)
    seen = [float(one.failures) for one in data]
    expected = [base * one.trials for one in data]
    for _ in range(_SWEEPS):
        change = _ratio(range(len(data)), seen, expected, 0.0, 1.0)
        base *= change
        expected = [change * one for one in expected]
        for level, places in keys.items():
            change = _ratio(places, seen, expected, _PRIOR, ratios[level])
            ratios[level] *= change
            for place in places:
                expected[place] *= change
    if data:  # the ratios of the times have no fixed level of their own
        base *= math.fsum(ratios[one.time] for one in data) / len(data)
    expected = [min(_MOST_RATE * unit.trials, one) for unit, one in zip(data, expected, strict=True)]
    return Model(base, {level: ratio for level, ratio in ratios.items() if level[0]}), expected


def _ratio(places: Iterable[int], seen: Sequence[float], expected: Sequence[float], prior: float, old: float) -> float:
    """By what the expected failures of these batches are to be multiplied."""
    above, below = prior, prior * old
    for place in places:
        weight = 1 / (1 + _SPREAD * expected[place])
        above += weight * seen[place]
        below += weight * expected[place]
    return max(1e-3, above) / below if below > 0 else 1.0


def draws(data: Sequence[Unit], level: Level) -> list[Draw]:
    """The batches as the test of a level sees them; those with its factor at another level tell nothing."""
    _, expected = fit(data, leave_out=level)
    found = []
    for one, mean in zip(data, expected, strict=True):
        at = one.setting.level(level[0])
        chance = one.design.chance_of(level)
        if chance and at in (None, level[1]):
            found.append(Draw(at is not None, chance, (one.failures - mean) / _deviation(mean)))
    return found


def _deviation(mean: float) -> float:
    """The standard deviation of the failures, so that all batches vary alike, however many trials they have.

    A test by randomisation could blame a level otherwise that makes trials slower or faster. Where next to no failure
    is expected, a single one should not count for as much as many do elsewhere: hence the half.
    """
    return math.sqrt((mean + _HALF) * (1 + _SPREAD * mean))


def leanings(data: Sequence[Unit], levels: Iterable[Level]) -> dict[Level, float]:
    """How far each level leans towards more failures (above 0) or fewer: about standard normal if it does nothing."""
    return {level: studentised(draws(data, level)) for level in levels}


def chances(data: Sequence[Unit], levels: Iterable[Level], error: float, seed: int) -> dict[Level, float]:
    """The p-value of each level, not corrected; small enough, where all is clear, for a correction to `error`."""
    tried = list(levels)
    redraws = max(REDRAWS, math.ceil(_FINER * 2 * len(tried) / error))
    return {level: randomisation_test(draws(data, level), seed + place, redraws) for place, level in enumerate(tried)}
