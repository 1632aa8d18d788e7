"""Which of many tests, or lines, has an effect on a test, from trials in which each took part at random."""

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flakeproof.stats.special import log_beta

_PRIOR = 0.5  # of the beta distributions, both parameters: Jeffreys' prior


@dataclass
class CulpritTally:
    """For one candidate: trials in which it took part, those in which it did not, and how many of each failed."""

    active: int = 0
    active_failures: int = 0
    idle: int = 0
    idle_failures: int = 0

    def add(self, *, active: bool, failed: bool) -> None:
        """Count a trial."""
        if active:
            self.active += 1
            self.active_failures += failed
        else:
            self.idle += 1
            self.idle_failures += failed


@dataclass(frozen=True)
class CulpritEvidence:
    """Bayes factors for "the candidate matters" against "nothing matters"."""

    raises: float
    """Bayes factor for "trials fail more often with it"."""
    lowers: float
    """Bayes factor for "trials fail less often with it"."""


def evidence(tally: CulpritTally) -> CulpritEvidence:
    """The evidence in one tally.

    It compares two rates with independent priors with a common rate. The factor is divided between "more often" and
    "less often" by the posterior probability that one rate is above the other, in a normal approximation.
    """
    failures, trials = tally.active_failures + tally.idle_failures, tally.active + tally.idle
    log = (
        _log_marginal(tally.active_failures, tally.active)
        + _log_marginal(tally.idle_failures, tally.idle)
        - _log_marginal(failures, trials)
    )
    with_it, without = _moments(tally.active_failures, tally.active), _moments(tally.idle_failures, tally.idle)
    above = math.erfc((without[0] - with_it[0]) / math.sqrt(2 * (with_it[1] + without[1]))) / 2
    factor = 2 * math.exp(min(log, _LARGEST_LOG))  # each direction has half the prior
    return CulpritEvidence(factor * above, factor * (1 - above))


_LARGEST_LOG = 700.0
"""Beyond this logarithm the factor would overflow."""


def _log_marginal(failures: int, trials: int) -> float:
    """The logarithm of the probability of these trials, in their order, over all rates."""
    return log_beta(_PRIOR + failures, _PRIOR + trials - failures) - log_beta(_PRIOR, _PRIOR)


def _moments(failures: int, trials: int) -> tuple[float, float]:
    """Mean and variance of the posterior of a rate."""
    mean = (failures + _PRIOR) / (trials + 2 * _PRIOR)
    return mean, mean * (1 - mean) / (trials + 2 * _PRIOR + 1)


_SURE = 0.999
_RATES = (_SURE, 0.9, 0.75, 0.5, 0.35, 0.25, 0.15, 0.08, 0.04, 0.02)
_SURE_WEIGHT = 0.4
"""Prior probability that the effect always shows; the other rates share the rest."""
_BASES = (1e-4, 0.01, 0.05, 0.15, 0.4)
_NONE_WEIGHT = 0.7
"""Prior probability that the effect never shows by itself; the other bases share the rest."""
_LEAST_RATIO = 1.5
"""How many times as often, at least, the effect shows after the culprit as without it."""
_TOGETHER = 0.1
_NOBODY = 0.05


class SingleCulprit:
    """The posterior of which one of several candidates is the culprit."""

    def __init__(self, count: int) -> None:
        """`count` is the number of candidates. Raises ValueError if it is below 1."""
        if count < 1:
            raise ValueError(f"there must be a candidate, got {count}")
        self._count = count
        self._hits = [0] * count
        """For each candidate, the runs with it in which the effect showed."""
        self._misses = [0] * count
        """For each candidate, the runs with it in which the effect did not show."""
        self._all = [0, 0]
        """Misses and hits in all runs."""
        self._grid = [
            (rate, base, (_SURE_WEIGHT if rate == _SURE else (1 - _SURE_WEIGHT) / (len(_RATES) - 1)) * weight)
            for rate in _RATES
            for base, weight in zip(_BASES, _base_weights(), strict=True)
            if base * _LEAST_RATIO < rate
        ]
        self._log_together = [0.0] * len(self._grid)
        self._update()

    def observe(self, held: Collection[int], *, shown: bool) -> None:
        """Note a run with the candidates `held`, in which the effect was `shown` or not."""
        self._count_in(held, shown=shown)
        self._update()

    def observe_all(self, runs: Iterable[tuple[Collection[int], bool]]) -> None:
        """Note several runs: (the candidates held, whether the effect showed)."""
        for held, shown in runs:
            self._count_in(held, shown=shown)
        self._update()

    def _count_in(self, held: Collection[int], *, shown: bool) -> None:
        counts = self._hits if shown else self._misses
        for candidate in held:
            counts[candidate] += 1
        self._all[shown] += 1
        share = (len(held) / self._count) ** 2
        for place, (rate, base, _) in enumerate(self._grid):
            probability = base + (rate - base) * share
            self._log_together[place] += math.log(probability if shown else 1 - probability)

    @property
    def together(self) -> float:
        """Probability that only several tests together have the effect."""
        return self._together

    @property
    def nobody(self) -> float:
        """Probability that no test has the effect."""
        return self._nobody

    @property
    def rate(self) -> float:
        """Posterior mean of the rate at which the effect shows after the culprit."""
        return self._rate

    @property
    def low_rate(self) -> float:
        """A lower bound on that rate: its posterior probability to be lower is at most 5 %."""
        total = 0.0
        for rate in sorted(self._by_rate):
            total += self._by_rate[rate]
            if total > 0.05:
                return rate
        return _RATES[0]

    def best(self) -> tuple[int, float]:
        """The candidate with the highest probability, and this probability."""
        found = max(range(self._count), key=self.probability)
        return found, self.probability(found)

    def probability(self, candidate: int) -> float:
        """Probability that the candidate is the culprit."""
        return self._of_counts[self._hits[candidate], self._misses[candidate]]

    def next_subsets(self, wanted: int, chance: random.Random) -> list[list[int]]:
        """`wanted` subsets to run at once: the first is most informative, the others complement it at random."""
        weights = [self.probability(candidate) for candidate in range(self._count)]
        total = sum(weights) or 1.0
        gains = self._gain
        found: list[list[int]] = []
        for turn in range(wanted):
            order = list(range(self._count))
            if turn:
                chance.shuffle(order)
            else:
                order.sort(key=lambda candidate: -weights[candidate])
            mass, best, cut = 0.0, -1.0, 1
            for place, candidate in enumerate(order, 1):
                mass += weights[candidate] / total
                if (gain := gains(mass)) > best + 1e-12:
                    best, cut = gain, place
            found.append(sorted(order[:cut]))
        return found

    def _gain(self, mass: float) -> float:
        """Information (nats) in a run whose candidates include the culprit with probability `mass`."""
        probability = mass * self._rate + (1 - mass) * self._base
        return _entropy(probability) - mass * _entropy(self._rate) - (1 - mass) * _entropy(self._base)

    def _update(self) -> None:
        """Compute the posterior; candidates with equal counts share one probability."""
        kinds = Counter(zip(self._hits, self._misses, strict=True))
        misses, hits = self._all
        logs: dict[tuple[int, int], list[float]] = {}
        prior = (1 - _TOGETHER - _NOBODY) / self._count
        for kind in kinds:
            inside, outside = kind, (hits - kind[0], misses - kind[1])
            logs[kind] = [
                math.log(weight * prior) + _log_likelihood(rate, *inside) + _log_likelihood(base, *outside)
                for rate, base, weight in self._grid
            ]
        together = [
            math.log(weight * _TOGETHER) + log
            for (_, _, weight), log in zip(self._grid, self._log_together, strict=True)
        ]
        nobody = [math.log(_NOBODY / len(_RATES)) + _log_likelihood(rate, hits, misses) for rate in _RATES]
        most = max(*nobody, *together, *(max(values) for values in logs.values()))
        masses = {kind: [math.exp(value - most) for value in values] for kind, values in logs.items()}
        whole = sum(kinds[kind] * sum(values) for kind, values in masses.items())
        with_together = [math.exp(value - most) for value in together]
        without = sum(math.exp(value - most) for value in nobody)
        total = whole + sum(with_together) + without
        self._of_counts = {kind: sum(values) / total for kind, values in masses.items()}
        self._together, self._nobody = sum(with_together) / total, without / total
        of_grid = [
            with_together[place] + sum(kinds[kind] * values[place] for kind, values in masses.items())
            for place in range(len(self._grid))
        ]
        norm = sum(of_grid)
        self._rate = sum(mass * rate for mass, (rate, _, _) in zip(of_grid, self._grid, strict=True)) / norm
        self._base = sum(mass * base for mass, (_, base, _) in zip(of_grid, self._grid, strict=True)) / norm
        self._by_rate = {
            rate: sum(mass for mass, (one, _, _) in zip(of_grid, self._grid, strict=True) if one == rate) / norm
            for rate in _RATES
        }


def repeats(rate: float, error: float) -> int:
    """How many runs without the effect prove its absence, if it would show at `rate`: ceil(ln error / ln(1 - rate)).

    `error` is the probability of being wrong. Raises ValueError.
    """
    if not 0 < rate <= 1 or not 0 < error < 1:
        raise ValueError(f"a rate above 0 and an error between 0 and 1 are needed, got {rate} and {error}")
    if rate == 1:
        return 1
    return max(1, math.ceil(math.log(error) / math.log1p(-rate) - 1e-12))


def _base_weights() -> Sequence[float]:
    return [_NONE_WEIGHT, *[(1 - _NONE_WEIGHT) / (len(_BASES) - 1)] * (len(_BASES) - 1)]


def _log_likelihood(rate: float, hits: int, misses: int) -> float:
    return hits * math.log(rate) + misses * math.log1p(-rate)


def _entropy(probability: float) -> float:
    if probability <= 0 or probability >= 1:
        return 0.0
    return -probability * math.log(probability) - (1 - probability) * math.log1p(-probability)
