"""What each level does, and which of them act together: from the screening alone, in which both were drawn."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.rate_model import Unit, chances, draws, leanings
from flakeproof.features.amplify.records import Effect, EffectCounts, EffectKind, Pair
from flakeproof.stats.factorial import CommonOddsRatio, Table, dispersion, mantel_haenszel, randomisation_test
from flakeproof.stats.tables import holm

_MOST_STRATA = 3
"""Other levels by which is stratified: more of them leave cells without a batch."""
_PROMISING = 5
"""Levels among which pairs are looked for."""

Cell = list[tuple[int, int]]
"""(failures, trials) of batches."""


def effects(data: Sequence[Unit], levels: Collection[Level], error: float, seed: int) -> list[Effect]:
    """The effect of every level, what matters first; with probability `error` one is claimed although none does.

    A claim takes the test by randomisation and the interval of the odds ratio: with a handful of failures the test
    alone may be passed by an unlikely draw that shows in no figure.
    """
    tried = sorted(levels)
    if not tried:
        return []
    found = chances(data, tried, error, seed)
    corrected = dict(zip(tried, holm([found[level] for level in tried]), strict=True))
    driving = sorted((one for one in tried if corrected[one] <= error), key=lambda one: found[one])
    records = [_effect(data, one, driving, corrected[one], error) for one in tried]
    return sorted(records, key=lambda one: (one.kind is EffectKind.NONE_SEEN, one.chance, -one.odds_ratio))


def _effect(data: Sequence[Unit], level: Level, driving: Sequence[Level], chance: float, error: float) -> Effect:
    others = [one for one in driving if one[0] != level[0]][:_MOST_STRATA]
    strata: dict[tuple[bool, ...], tuple[Cell, Cell]] = {}
    for one in data:
        at = one.setting.level(level[0])
        if at in (None, level[1]) and one.design.chance_of(level):
            key = tuple(one.setting.has(*other) for other in others)
            cells = strata.setdefault(key, ([], []))
            cells[0 if at else 1].append((one.failures, one.trials))
    ratio = odds_ratio(strata.values())
    with_it = counts(pair for cells in strata.values() for pair in cells[0])
    without = counts(pair for cells in strata.values() for pair in cells[1])
    kind = EffectKind.NONE_SEEN
    if chance <= error and (ratio.low > 1 or ratio.high < 1):
        kind = EffectKind.RAISES if ratio.value > 1 else EffectKind.LOWERS
    return Effect(
        factor=level[0],
        level=level[1],
        kind=kind,
        odds_ratio=ratio.value,
        low=ratio.low,
        high=finite(ratio.high),
        chance=chance,
        with_it=with_it,
        without=without,
    )


def pairs(data: Sequence[Unit], levels: Collection[Level], error: float, seed: int) -> list[Pair]:
    """Pairs that act together, among the levels that lean most towards failing.

    Each of the two has to matter where the other one is on (by randomisation, in these batches alone), and both have to
    raise the rate by more than the sum of what each does alone.
    """
    leaning = leanings(data, levels)
    promising = sorted(leaning, key=lambda one: -leaning[one])[:_PROMISING]
    tried = [
        (first, second)
        for place, first in enumerate(promising)
        for second in promising[place + 1 :]
        if first[0] != second[0]
    ]
    values = [_together(data, first, second, seed) for first, second in tried]
    found = []
    for (first, second), chance in zip(tried, holm(values), strict=True):
        if chance <= error:
            one, other = min(first, second), max(first, second)
            found.append(pair_of(_cells(data, one, other), one, other, chance))
    return sorted(found, key=lambda one: (one.chance, -one.odds_ratio))


def _together(data: Sequence[Unit], first: Level, second: Level, seed: int) -> float:
    """The p-value for "these do not act together": the greatest of its parts, all of which have to be small."""
    more = interaction(_cells(data, first, second))
    if more > 0.2:  # it cannot be found any more
        return more
    worst = more
    for level, other in ((first, second), (second, first)):
        beside = [one for one in data if one.setting.has(*other)]
        seen = draws(beside, level)
        if math.fsum(one.score * (one.on - one.chance) for one in seen) <= 0:
            return 1.0
        worst = max(worst, randomisation_test(seen, seed) / 2)
    return worst


def _cells(data: Sequence[Unit], first: Level, second: Level) -> dict[tuple[bool, bool], Cell]:
    cells: dict[tuple[bool, bool], Cell] = {(a, b): [] for a in (True, False) for b in (True, False)}
    for one in data:
        at = one.setting.level(first[0]), one.setting.level(second[0])
        if at[0] in (None, first[1]) and at[1] in (None, second[1]):
            cells[at[0] is not None, at[1] is not None].append((one.failures, one.trials))
    return cells


def interaction(cells: dict[tuple[bool, bool], Cell]) -> float:
    """The one-sided p-value for "both together raise the rate by no more than the sum of what each does alone".

    The contrast of the four rates over its standard error, normal; the dispersion of the batches is allowed for.
    """
    spread = dispersion(list(cells.values()))
    contrast = variance = 0.0
    for (first, second), cell in cells.items():
        counted = counts(cell)
        if not counted.trials:
            return 1.0
        rate = (counted.failures + 0.5) / (counted.trials + 1)
        contrast += (1 if first == second else -1) * rate
        variance += spread * rate * (1 - rate) / counted.trials
    return math.erfc(contrast / math.sqrt(2 * variance)) / 2


def pair_of(cells: Mapping[tuple[bool, bool], Cell], first: Level, second: Level, chance: float) -> Pair:
    """The record of two levels that act together; a cell is of batches with, and without, the first and the second."""
    both, neither = cells[True, True], cells[False, False]
    ratio = odds_ratio([(both, neither)])
    return Pair(
        first=first,
        second=second,
        chance=chance,
        odds_ratio=ratio.value,
        low=ratio.low,
        high=finite(ratio.high),
        both=counts(both),
        only_first=counts(cells[True, False]),
        only_second=counts(cells[False, True]),
        neither=counts(neither),
    )


def odds_ratio(strata: Iterable[tuple[Cell, Cell]]) -> CommonOddsRatio:
    """Of batches in pairs of cells, those with it and those without; the interval allows for their dispersion."""
    whole = list(strata)
    tables: list[Table] = []
    for with_it, without in whole:
        on, off = counts(with_it), counts(without)
        tables.append(((on.failures, on.trials - on.failures), (off.failures, off.trials - off.failures)))
    return mantel_haenszel(tables, dispersion([cell for cells in whole for cell in cells]))


def counts(cell: Iterable[tuple[int, int]]) -> EffectCounts:
    """Of all batches of a cell."""
    batches = list(cell)
    return EffectCounts(failures=sum(one for one, _ in batches), trials=sum(size for _, size in batches))


def finite(value: float) -> float | None:
    """None for an open end."""
    return value if math.isfinite(value) else None
