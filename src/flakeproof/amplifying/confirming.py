"""Fresh trials, plain ones and those under the setting that won the race: only these count for its rate."""

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from flakeproof.amplifying.bench import Bench, OutOfTime, Purpose, tell
from flakeproof.amplifying.model import PLAIN, Batch, Rate, Ratio, Setting
from flakeproof.stats.dispersion import design_effect, korn_graubard
from flakeproof.stats.factorial import flipped_pairs, rate_ratio
from flakeproof.stats.proportion import Interval

_MOST_PAIRS, _FEWEST_PAIRS = 40, 5
_MARGIN = 0.97
"""Of the time that is left, what the plan makes use of."""


@dataclass
class Confirmation:
    """Pairs of batches, one plain and one not, in random order."""

    setting: Setting
    plain: list[Batch] = field(default_factory=list)
    perturbed: list[Batch] = field(default_factory=list)
    cut_short: bool = False

    def chance(self, signatures: Collection[str], seed: int) -> float:
        """The p-value for "the setting does not raise the failure rate"."""
        differences = [
            _share(perturbed, signatures) - _share(plain, signatures)
            for plain, perturbed in zip(self.plain, self.perturbed, strict=True)
        ]
        return flipped_pairs(differences, seed) if differences else 1.0


def confirm(bench: Bench, setting: Setting, chance: random.Random) -> Confirmation:
    """Use what is left of the budget for pairs of batches."""
    found = Confirmation(setting)
    least = bench.start + max(bench.start, bench.trial(), bench.trial(setting))
    count = min(_MOST_PAIRS, max(_FEWEST_PAIRS, math.floor(_MARGIN * bench.remaining / (2 * least))))
    length = max(0.0, _MARGIN * bench.remaining / (2 * count) - bench.start)
    for _ in range(count):
        order = [PLAIN, setting]
        chance.shuffle(order)
        expected = 2 * bench.start + max(length, bench.trial()) + max(length, bench.trial(setting))
        if bench.remaining < 0.8 * expected:
            found.cut_short = True
            break
        try:
            pair = {one: bench.run(one, length, Purpose.CONFIRMATION) for one in order}
        except OutOfTime:
            found.cut_short = True
            break
        if pair[PLAIN].trials and pair[setting].trials:
            found.plain.append(pair[PLAIN])
            found.perturbed.append(pair[setting])
    return found


def rate(batches: Sequence[Batch], signatures: Collection[str]) -> Rate:
    """Of all trials of these batches; the interval goes by the effective number of trials (Korn and Graubard)."""
    failures, trials = _groups(batches, signatures)
    interval = _interval(batches, signatures)
    seconds = math.fsum(one.seconds for one in batches)
    per_second = sum(failures) / seconds if seconds > 0 else 0.0
    return Rate(failures=sum(failures), trials=sum(trials), low=interval.low, high=interval.high, per_second=per_second)


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
