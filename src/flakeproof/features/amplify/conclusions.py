"""What is said in the end: from the batches that ran, and from how the search went."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flakeproof.features.amplify.budgeted_runs import Bench
from flakeproof.features.amplify.confirmation import Confirmation, rate, ratio, with_confirmed, with_confirmed_pair
from flakeproof.features.amplify.design import Level
from flakeproof.features.amplify.effects import effects, pairs
from flakeproof.features.amplify.masking import Clearing, FlakeFilter
from flakeproof.features.amplify.rate_model import units
from flakeproof.features.amplify.records import (
    PLAIN,
    AmplifyFindings,
    AmplifySetting,
    Batch,
    Best,
    OtherSignature,
    Retired,
    SearchEnd,
)

_FOR_EFFECTS, _FOR_PAIRS, FOR_BEST = 0.45, 0.1, 0.45
"""How the error is shared out among the kinds of claims."""


@dataclass
class SearchOutcome:
    """How the search went."""

    out_of_time: bool = False
    broken: str = ""
    """Why the plain target could not be run."""
    fails_plain: bool = False
    raced: list[AmplifySetting] = field(default_factory=list)
    broken_in_race: dict[AmplifySetting, str] = field(default_factory=dict)
    confirmation: Confirmation | None = None


def result(
    bench: Bench,
    flake: FlakeFilter,
    clearing: Clearing,
    outcome: SearchOutcome,
    levels: Sequence[Level],
    error: float,
    seed: int,
) -> AmplifyFindings:
    """All that was found, with what may be claimed at `error`."""
    data = units(bench.ran, flake.signatures)
    confirmed = outcome.confirmation if outcome.confirmation and outcome.confirmation.blocks else None
    chance = confirmed.chance(flake.signatures, seed) if confirmed else None
    best = None
    if confirmed and chance is not None and chance <= FOR_BEST * error:
        best = Best(
            setting=confirmed.setting,
            rate=rate(confirmed.batches(confirmed.setting), flake.signatures),
            ratio=ratio(confirmed.batches(confirmed.setting), confirmed.batches(PLAIN), flake.signatures),
            chance=chance,
        )
    plain = confirmed.batches(PLAIN) if confirmed else [one for one in bench.batches() if one.setting.is_plain]
    seen = effects(data, levels, _FOR_EFFECTS * error, seed) if data else []
    together = pairs(data, levels, _FOR_PAIRS * error, seed) if data else []
    if best is not None and confirmed is not None:
        seen = with_confirmed(seen, confirmed, flake, FOR_BEST * error, seed)
        together = with_confirmed_pair(together, confirmed, flake, FOR_BEST * error, seed)
    gone = {one.setting.levels[0] for one in clearing.retired.values()}
    stop = _stop(outcome, best, flake)
    everything = rate([one for one in bench.batches() if not gone & set(one.setting.levels)], flake.signatures)
    return AmplifyFindings(
        stop=stop,
        reason=_reason(stop, outcome, chance, everything.failures > 0),
        out_of_time=outcome.out_of_time,
        signatures=sorted(flake.signatures),
        source=flake.source,
        plain=rate(plain, flake.signatures),
        best=best,
        effects=seen,
        pairs=together,
        retired=[
            *clearing.retired.values(),
            *(Retired(setting=one, why=why, trials=0, hidden=0) for one, why in outcome.broken_in_race.items()),
        ],
        others=_others(list(bench.batches()), flake),
        everything=everything,
        confirmation_chance=chance,
        raced=outcome.raced,
        trials=sum(one.trials for one in bench.batches()),
        seconds=bench.used,
    )


def _stop(outcome: SearchOutcome, best: Best | None, flake: FlakeFilter) -> SearchEnd:
    if outcome.broken:
        return SearchEnd.BROKEN
    if outcome.fails_plain:
        return SearchEnd.FAILS_PLAIN
    if best is not None:
        return SearchEnd.FOUND
    if outcome.out_of_time and outcome.confirmation is None:
        return SearchEnd.OUT_OF_TIME
    return SearchEnd.NOT_CONFIRMED if outcome.confirmation is not None else SearchEnd.NOTHING


def _reason(stop: SearchEnd, outcome: SearchOutcome, chance: float | None, has_failed: bool) -> str:
    if stop is SearchEnd.BROKEN:
        return f"the target cannot be run without perturbations: {outcome.broken}"
    if stop is SearchEnd.FAILS_PLAIN:
        return "it fails nearly always without perturbations: there is nothing to amplify"
    if stop is SearchEnd.FOUND:
        return f"confirmed by fresh trials (p = {chance:.2g})"
    if stop is SearchEnd.OUT_OF_TIME:
        return "the time was up before a setting could be confirmed"
    if stop is SearchEnd.NOTHING:
        return f"nothing that was tried made it fail{' more often' if has_failed else ''}"
    setting = outcome.confirmation.setting if outcome.confirmation else PLAIN
    told = "there was no time for fresh trials" if chance is None else f"p = {chance:.2g} in fresh trials"
    return f"{setting}: not shown to raise the rate ({told})"


def _others(batches: Sequence[Batch], flake: FlakeFilter) -> list[OtherSignature]:
    """Signatures that do not count, the most frequent first."""
    names = {name for batch in batches for name in batch.failed} - flake.signatures
    trials = sum(one.trials for one in batches)
    found = []
    for name in names:
        where: dict[AmplifySetting, tuple[int, int]] = {}
        for batch in batches:
            count = batch.failed.get(name, 0)
            for setting in [PLAIN.plus(*level) for level in batch.setting.levels] or [PLAIN]:
                failures, size = where.get(setting, (0, 0))
                where[setting] = failures + count, size + batch.trials
        mostly = max(where, key=lambda one: (where[one][0] / (where[one][1] + 1), one))
        found.append(
            OtherSignature(
                signature=name,
                failures=sum(batch.failed.get(name, 0) for batch in batches),
                trials=trials,
                mostly=mostly,
                mostly_failures=where[mostly][0],
                mostly_trials=where[mostly][1],
            )
        )
    return sorted(found, key=lambda one: (-one.failures, one.signature))
