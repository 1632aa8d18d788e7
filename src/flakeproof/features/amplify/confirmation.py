"""Fresh trials under the setting that won the race and without it: its rate, and its levels, rest on these alone."""

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from flakeproof.features.amplify.budgeted_runs import Bench, OutOfTime, Purpose, tell
from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.effects import Cell, counts, finite, interaction, odds_ratio, pair_of
from flakeproof.features.amplify.masking import FlakeFilter
from flakeproof.features.amplify.records import (
    PLAIN,
    AmplifyRate,
    AmplifySetting,
    Batch,
    Effect,
    EffectKind,
    Pair,
    Ratio,
)
from flakeproof.stats.dispersion import design_effect, korn_graubard
from flakeproof.stats.factorial import flipped_pairs, rate_ratio
from flakeproof.stats.intervals import Interval
from flakeproof.stats.tables import holm

_OF_START = 0.25
"""Of a start: so long may a few trials of a batch take for which there would be no time."""
_MOST_BLOCKS = 40
_BLOCKS_FOR_PARTS, _FAILURES_FOR_PARTS = 8, 20
"""Blocks, and failures to be expected, from which on the winner also runs with each of its factors off."""
_LEAST_BY_START, _LEAST_TRIALS, _PLENTY = 2.0, 5, 100
"""How long a batch is at least, if that leaves enough blocks: two starts, or 100 trials if they take less; 5 trials."""
_MARGIN = 0.97
"""Of the time that is left, what the plan makes use of."""
_SHORTEST = 0.8
"""Of the time that a block should take, what has to be left for it to begin."""


@dataclass
class Confirmation:
    """Blocks of batches, one for each setting, in random order; only whole blocks are kept."""

    setting: AmplifySetting
    parts: list[AmplifySetting]
    """The setting with one of its factors off, in the order of its levels; none if that was not tried."""
    blocks: list[dict[AmplifySetting, Batch]] = field(default_factory=list)
    cut_short: bool = False

    def batches(self, setting: AmplifySetting) -> list[Batch]:
        """Of one of the settings."""
        return [block[setting] for block in self.blocks]

    def chance(self, signatures: Collection[str], seed: int, against: AmplifySetting = PLAIN) -> float:
        """The p-value for "the setting fails no more often than the other one"."""
        differences = [
            _share(block[self.setting], signatures) - _share(block[against], signatures) for block in self.blocks
        ]
        return flipped_pairs(differences, seed) if differences else 1.0

    def without(self, level: Level) -> AmplifySetting | None:
        """The setting in which this level alone is off, if that was run."""
        rest = self.setting.without(level[0])
        return rest if rest.is_plain or rest in self.parts else None


def least_seconds(bench: Bench, error: float) -> float:
    """Of the shortest confirmation that is planned at this `error`, as far as trials are like plain ones."""
    return _fewest(error) * 2 * (bench.start + bench.trial()) / (_MARGIN * _SHORTEST)


def _fewest(error: float) -> int:
    """Blocks to plan for: n of them have a p-value of 2^-n at best, and starts that become slower cost one."""
    return math.ceil(-math.log2(error)) + 1


def confirm(
    bench: Bench, setting: AmplifySetting, per_second: float, chance: random.Random, error: float
) -> Confirmation:
    """Use what is left of the budget for blocks of batches; it may be expected to fail so often `per_second`.

    There are at least as many blocks planned as it takes to tell anything at this `error`, and one to spare.
    """
    parts = [setting.without(factor) for factor, _ in setting.levels]
    settings = [PLAIN, setting, *parts]
    expected = per_second * (bench.remaining / len(settings) - _BLOCKS_FOR_PARTS * bench.start)
    if len(parts) < 2 or _count(bench, settings) < _BLOCKS_FOR_PARTS or expected < _FAILURES_FOR_PARTS:
        parts, settings = [], settings[:2]
    found = Confirmation(setting, parts)
    count = min(_MOST_BLOCKS, max(_fewest(error), _count(bench, settings)))
    for to_come in range(count, 0, -1):
        length = max(0.0, _MARGIN * bench.remaining / (len(settings) * to_come) - bench.start)
        if bench.remaining < _SHORTEST * sum(bench.start + max(length, bench.trial(one)) for one in settings):
            found.cut_short = True
            break
        chance.shuffle(settings)
        try:
            block = {one: bench.run(one, max(length, _least(bench, one)), Purpose.CONFIRMATION) for one in settings}
        except OutOfTime:
            found.cut_short = True
            break
        if all(batch.trials for batch in block.values()):
            found.blocks.append(block)
    return found


def _least(bench: Bench, setting: AmplifySetting) -> float:
    """Seconds of a batch, however few there are: the first trial of a process may be the only one that passes."""
    return min(_LEAST_TRIALS * bench.trial(setting), _OF_START * bench.start)


def _count(bench: Bench, settings: Sequence[AmplifySetting]) -> int:
    """Blocks for which there is time."""
    block = 0.0
    for one in settings:
        trial = bench.trial(one)
        block += bench.start + max(min(_LEAST_BY_START * bench.start, _PLENTY * trial), _LEAST_TRIALS * trial)
    return math.floor(_MARGIN * bench.remaining / block) if block > 0 else _MOST_BLOCKS


def rate(batches: Sequence[Batch], signatures: Collection[str]) -> AmplifyRate:
    """Of all trials of these batches; the interval goes by the effective number of trials (Korn and Graubard)."""
    failures, trials = _groups(batches, signatures)
    interval = _interval(batches, signatures)
    seconds = math.fsum(one.seconds for one in batches)
    per_second = sum(failures) / seconds if seconds > 0 else 0.0
    return AmplifyRate(
        failures=sum(failures), trials=sum(trials), low=interval.low, high=interval.high, per_second=per_second
    )


def ratio(over: Sequence[Batch], under: Sequence[Batch], signatures: Collection[str]) -> Ratio:
    """Of the rates of two lists of batches."""
    rates = [sum(found[0]) / sum(found[1]) for found in (_groups(over, signatures), _groups(under, signatures))]
    low, high = rate_ratio(rates[0], _interval(over, signatures), rates[1], _interval(under, signatures))
    value = rates[0] / rates[1] if rates[1] else None
    return Ratio(value=value, low=low, high=high if math.isfinite(high) else None)


def _groups(batches: Sequence[Batch], signatures: Collection[str]) -> tuple[list[int], list[int]]:
    return [tell(one, signatures).failures for one in batches], [one.trials for one in batches]


def _interval(batches: Sequence[Batch], signatures: Collection[str]) -> Interval:
    failures, trials = _groups(batches, signatures)
    total = sum(trials)
    if not total:
        return Interval(0.0, 1.0, 0.95, "korn-graubard")
    return korn_graubard(sum(failures), total, total / design_effect(failures, trials).design_effect)


def _share(batch: Batch, signatures: Collection[str]) -> float:
    return tell(batch, signatures).failures / batch.trials


def with_confirmed(
    seen: Sequence[Effect], confirmed: Confirmation, flake: FlakeFilter, error: float, seed: int
) -> list[Effect]:
    """The effects with those levels that the confirmation proves to matter and the screening did not."""
    proven = {level: chance for level, chance in _levels(confirmed, flake, seed).items() if chance <= error}
    known = {(one.factor, one.level) for one in seen if one.kind is EffectKind.RAISES}
    new = [_effect(level, chance, confirmed, flake) for level, chance in proven.items() if level not in known]
    kept = [one for one in seen if (one.factor, one.level) not in {(one.factor, one.level) for one in new}]
    return sorted([*kept, *new], key=lambda one: (one.kind is EffectKind.NONE_SEEN, one.chance, -one.odds_ratio))


def with_confirmed_pair(
    seen: Sequence[Pair], confirmed: Confirmation, flake: FlakeFilter, error: float, seed: int
) -> list[Pair]:
    """The pairs with that of the setting, if it has two levels and each matters beside the other more than alone."""
    if len(confirmed.setting.levels) != 2 or not confirmed.parts:
        return list(seen)
    first, second = confirmed.setting.levels
    if any((one.first, one.second) == (first, second) for one in seen):
        return list(seen)
    cells = {
        (True, True): _cell(confirmed.batches(confirmed.setting), flake),
        (True, False): _cell(confirmed.batches(PLAIN.plus(*first)), flake),
        (False, True): _cell(confirmed.batches(PLAIN.plus(*second)), flake),
        (False, False): _cell(confirmed.batches(PLAIN), flake),
    }
    chance = max(interaction(cells), *_levels(confirmed, flake, seed).values())
    if chance > error:
        return list(seen)
    return [pair_of(cells, first, second, chance), *seen]


def _levels(confirmed: Confirmation, flake: FlakeFilter, seed: int) -> dict[Level, float]:
    """The p-value of each level that was switched off in turn, corrected for their number."""
    rests = {level: rest for level in confirmed.setting.levels if (rest := confirmed.without(level)) is not None}
    found = [confirmed.chance(flake.signatures, seed, rest) for rest in rests.values()]
    return dict(zip(rests, holm(found), strict=True))


def _effect(level: Level, chance: float, confirmed: Confirmation, flake: FlakeFilter) -> Effect:
    on = _cell(confirmed.batches(confirmed.setting), flake)
    off = _cell(confirmed.batches(confirmed.setting.without(level[0])), flake)
    found = odds_ratio([(on, off)])
    return Effect(
        factor=level[0],
        level=level[1],
        kind=EffectKind.RAISES,
        odds_ratio=found.value,
        low=found.low,
        high=finite(found.high),
        chance=chance,
        with_it=counts(on),
        without=counts(off),
        beside=confirmed.setting.without(level[0]),
    )


def _cell(batches: Sequence[Batch], flake: FlakeFilter) -> Cell:
    told = [tell(one, flake.signatures) for one in batches]
    return [(one.failures, one.trials) for one in told]
