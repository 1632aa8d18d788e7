"""Which one of many tests has an effect on another, when the effect may show in a part of the runs only.

Bayesian search over single culprits: after each run of a subset of the tests the probability of each to be the culprit
follows from Bayes' rule, over a grid of rates with which the effect shows behind the culprit (q1) and without it (q0).
A grid rather than a point because an assumed rate that is wrong names the wrong culprit. The next subset is the one
whose outcome tells most (mutual information), as in the noisy binary search of R. Waeber, P. Frazier and S. Henderson,
"Bisection Search with Noisy Responses", SIAM J. Control Optim. 51(3), 2013; for noise on one side only its probability
to hold the culprit tends to 1/e and not to a half. Two rivals are kept beside: that it takes several tests together,
and that none has to do with it. Statistics must not be asked twice: what is proven in the end is proven by other runs.
"""

import math
import random
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

_SURE = 0.999
_RATES = (_SURE, 0.9, 0.75, 0.5, 0.35, 0.25, 0.15, 0.08, 0.04, 0.02)
_SURE_WEIGHT = 0.4
"""Prior of the effect always showing; the other rates share the rest."""
_BASES = (1e-4, 0.01, 0.05, 0.15, 0.4)
_NONE_WEIGHT = 0.7
"""Prior of the effect never showing by itself; the other bases share the rest."""
_LEAST_RATIO = 1.5
"""How many times as often the effect has to show behind the culprit as without it."""
_TOGETHER = 0.1
_NOBODY = 0.05


class SingleCulprit:
    """What is known about which of `count` tests it is."""

    def __init__(self, count: int) -> None:
        """Nothing but the number of the candidates."""
        if count < 1:
            raise ValueError(f"there must be a candidate, got {count}")
        self._count = count
        self._hits = [0] * count
        """Of the runs that held the candidate, those in which the effect showed; the others below."""
        self._misses = [0] * count
        self._all = [0, 0]
        """Misses and hits of all runs."""
        self._grid = [
            (rate, base, (_SURE_WEIGHT if rate == _SURE else (1 - _SURE_WEIGHT) / (len(_RATES) - 1)) * weight)
            for rate in _RATES
            for base, weight in zip(_BASES, _base_weights(), strict=True)
            if base * _LEAST_RATIO < rate
        ]
        self._log_together = [0.0] * len(self._grid)
        self._update()

    def observe(self, held: Collection[int], *, shown: bool) -> None:
        """Note a run of the candidates `held`, in which the effect was `shown` or not."""
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
        """Probability that it takes several tests together."""
        return self._together

    @property
    def nobody(self) -> float:
        """Probability that no test has to do with it."""
        return self._nobody

    @property
    def rate(self) -> float:
        """Posterior mean of the rate with which the effect shows behind the culprit."""
        return self._rate

    @property
    def low_rate(self) -> float:
        """The rate below which it is with a posterior probability of 5 % at most."""
        total = 0.0
        for rate in sorted(self._by_rate):
            total += self._by_rate[rate]
            if total > 0.05:
                return rate
        return _RATES[0]

    def best(self) -> tuple[int, float]:
        """The candidate with the highest probability, and that."""
        found = max(range(self._count), key=self.probability)
        return found, self.probability(found)

    def probability(self, candidate: int) -> float:
        """Of being the culprit."""
        return self._of_counts[self._hits[candidate], self._misses[candidate]]

    def next_subsets(self, wanted: int, chance: random.Random) -> list[list[int]]:
        """`wanted` subsets to run at once: the first tells most, the others much that it does not tell."""
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
        """Information (nats) in a run of candidates that hold the culprit with probability `mass`."""
        probability = mass * self._rate + (1 - mass) * self._base
        return _entropy(probability) - mass * _entropy(self._rate) - (1 - mass) * _entropy(self._base)

    def _update(self) -> None:
        """Work out the posterior; candidates with equal counts share one probability."""
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
    """Runs without the effect after which it is absent, if it would show at `rate`: ceil(ln error / ln(1 - rate)).

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
