"""What the fresh trials of the confirmation tell about the levels of the setting: each on against off, beside the rest.

They are looked at only if the setting itself was confirmed, at the same error: a fixed sequence of tests needs no
further correction (W. Maurer, L. Hothorn and W. Lehmacher, 1995), and within it Holm's is made.
"""

from collections.abc import Sequence

from flakeproof.features.amplify.budgeted_runs import tell
from flakeproof.features.amplify.confirmation import Confirmation
from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.effects import Cell, counts, finite, interaction, odds_ratio, pair_of
from flakeproof.features.amplify.masking import Flake
from flakeproof.features.amplify.records import PLAIN, Batch, Effect, Kind, Pair
from flakeproof.stats.tables import holm


def with_confirmed(
    seen: Sequence[Effect], confirmed: Confirmation, flake: Flake, error: float, seed: int
) -> list[Effect]:
    """The effects with those levels that the confirmation proves to matter and the screening did not."""
    proven = {level: chance for level, chance in _levels(confirmed, flake, seed).items() if chance <= error}
    known = {(one.factor, one.level) for one in seen if one.kind is Kind.RAISES}
    new = [_effect(level, chance, confirmed, flake) for level, chance in proven.items() if level not in known]
    kept = [one for one in seen if (one.factor, one.level) not in {(one.factor, one.level) for one in new}]
    return sorted([*kept, *new], key=lambda one: (one.kind is Kind.NONE_SEEN, one.chance, -one.odds_ratio))


def with_confirmed_pair(
    seen: Sequence[Pair], confirmed: Confirmation, flake: Flake, error: float, seed: int
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


def _levels(confirmed: Confirmation, flake: Flake, seed: int) -> dict[Level, float]:
    """The p-value of each level that was switched off in turn, corrected for their number."""
    rests = {level: rest for level in confirmed.setting.levels if (rest := confirmed.without(level)) is not None}
    found = [confirmed.chance(flake.signatures, seed, rest) for rest in rests.values()]
    return dict(zip(rests, holm(found), strict=True))


def _effect(level: Level, chance: float, confirmed: Confirmation, flake: Flake) -> Effect:
    on = _cell(confirmed.batches(confirmed.setting), flake)
    off = _cell(confirmed.batches(confirmed.setting.without(level[0])), flake)
    found = odds_ratio([(on, off)])
    return Effect(
        factor=level[0],
        level=level[1],
        kind=Kind.RAISES,
        odds_ratio=found.value,
        low=found.low,
        high=finite(found.high),
        chance=chance,
        with_it=counts(on),
        without=counts(off),
        beside=confirmed.setting.without(level[0]),
    )


def _cell(batches: Sequence[Batch], flake: Flake) -> Cell:
    told = [tell(one, flake.signatures) for one in batches]
    return [(one.failures, one.trials) for one in told]
