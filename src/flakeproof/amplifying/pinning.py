"""The pause at one line as a setting of its own: fresh trials with it, and whether it is better than what was found."""

import random
from collections.abc import Callable

import msgspec

from flakeproof.amplifying.bench import Bench, OutOfTime, Purpose, Run
from flakeproof.amplifying.confirming import Confirmation, confirm, rate, ratio
from flakeproof.amplifying.design import Level
from flakeproof.amplifying.flake import Flake
from flakeproof.amplifying.model import PLAIN, Best, Found, Rate, Stop
from flakeproof.amplifying.proven import with_confirmed
from flakeproof.amplifying.racing import FAST_ENOUGH

_TRIED = 0.05
"""Of the time, for each of two batches that show how long a trial takes."""


def pin(
    level: Level, found: Found, run: Run, *, seconds: float, left: Callable[[], float], seed: int, error: float
) -> Found:
    """What was found, with `level` as the setting that reproduces it, if fresh trials show that it does so better.

    `error` is the probability with which it may be said to raise the rate although it does not. `seconds` is the time
    for it, of which `left` tells what remains. Raises ValueError for an `error` that is no probability.
    """
    if not 0 < error < 1:
        raise ValueError(f"an error between 0 and 1 is needed, got {error}")
    bench, flake, setting = Bench(run, seconds, left), Flake(found.signatures), PLAIN.plus(*level)
    confirmed = Confirmation(setting, [])
    try:
        broken = [bench.run(one, _TRIED * seconds, Purpose.RACE).broke for one in (PLAIN, setting)]
        if not any(broken):
            confirmed = confirm(bench, setting, 0.0, random.Random(seed), error)
    except OutOfTime:
        pass
    found = msgspec.structs.replace(
        found, trials=found.trials + sum(one.trials for one in bench.batches()), seconds=found.seconds + bench.used
    )
    chance = confirmed.chance(flake.signatures, seed)
    if chance > error:
        return found
    best = Best(
        setting=setting,
        rate=rate(confirmed.batches(setting), flake.signatures),
        ratio=ratio(confirmed.batches(setting), confirmed.batches(PLAIN), flake.signatures),
        chance=chance,
    )
    if found.best is not None and not _is_better(best.rate, found.best.rate):
        return found
    return msgspec.structs.replace(
        found,
        stop=Stop.FOUND,
        reason=f"confirmed by fresh trials (p = {chance:.2g})",
        plain=rate(confirmed.batches(PLAIN), flake.signatures),
        best=best,
        effects=with_confirmed(found.effects, confirmed, flake, error, seed),
        confirmation_chance=chance,
    )


def _is_better(one: Rate, other: Rate) -> bool:
    """Whether it fails more often, and about as often in a second: the rule by which the race is decided, too."""
    if one.per_second < FAST_ENOUGH * other.per_second:
        return False
    if other.per_second < FAST_ENOUGH * one.per_second:
        return True
    return one.failures * other.trials > other.failures * one.trials
