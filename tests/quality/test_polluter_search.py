"""The search for polluters against known truths, with effects that show in a part of the runs: how often it is right.

Every search is seeded. The promise is an error of 1 % at most; what is named by mistake is counted here.
"""

import random
from collections.abc import Callable, Collection, Sequence

import pytest

from flakeproof.features.isolate.culprit_search import Culprits, Search

Effect = Callable[[list[int]], bool]
TESTS = 200
_RARE = [(0.3, 250), (0.1, 700)]


class Simulated:
    """Runs in which the effect shows at `rate` where the truth says so, and at `base` elsewhere."""

    def __init__(self, effect: Effect, rate: float, base: float, seed: int) -> None:
        self._effect, self._rate, self._base = effect, rate, base
        self._chance = random.Random(seed)
        self.probes = 0

    def shows(self, subsets: Sequence[Collection[int]]) -> list[bool]:
        """One run each."""
        self.probes += len(subsets)
        return [
            self._chance.random() < (self._rate if self._effect(list(subset)) else self._base) for subset in subsets
        ]


def search(effect: Effect, rate: float, base: float, seed: int, count: int = TESTS) -> tuple[Culprits | None, int]:
    """What is found after one failure in company and three passes alone, and the probes that it took."""
    oracle = Simulated(effect, rate, base, seed)
    found = Search(oracle, count, 0.01, 2, seed).find([(True, True), (False, False), (False, False), (False, False)])
    return found, oracle.probes


def test_a_certain_single_polluter_takes_about_log2_probes() -> None:
    """Fourteen to find it among 200, and as many pairs as it takes to prove it."""
    runs = [search(lambda subset: 137 in subset, 1, 0, seed) for seed in range(50)]

    assert [found.members for found, _ in runs if found is not None] == [(137,)] * 50
    assert sum(probes for _, probes in runs) / 50 < 40


@pytest.mark.parametrize(("rate", "most"), [pytest.param(rate, most, marks=pytest.mark.long) for rate, most in _RARE])
def test_a_polluter_that_shows_now_and_then(rate: float, most: int) -> None:
    """49 of 50 at least, whichever it is."""

    def truth(seed: int) -> int:
        return random.Random(f"truth {seed}").randrange(TESTS)

    runs = [search(lambda subset, seed=seed: truth(seed) in subset, rate, 0, seed) for seed in range(50)]  # type: ignore[misc]
    right = sum(found is not None and found.members == (truth(seed),) for seed, (found, _) in enumerate(runs))

    assert right >= 49
    assert sum(probes for _, probes in runs) / 50 < most


@pytest.mark.parametrize("rate", [1, 0.3])
def test_one_of_several_polluters_is_found(rate: float) -> None:
    """Each of them is an answer, no other test is."""
    runs = [search(lambda subset: not {5, 88, 137}.isdisjoint(subset), rate, 0, seed)[0] for seed in range(20)]

    assert sum(found is not None and found.members in ((5,), (88,), (137,)) for found in runs) == 20


@pytest.mark.parametrize("rate", [1, pytest.param(0.3, marks=pytest.mark.long)])
def test_two_that_work_together(rate: float) -> None:
    """Neither alone has any effect."""
    runs = [search(lambda subset: {20, 137} <= set(subset), rate, 0, seed)[0] for seed in range(30)]

    assert sum(found is not None and found.members == (20, 137) for found in runs) >= 29


def test_two_that_work_in_one_order() -> None:
    """The other way round they do nothing."""

    def effect(subset: list[int]) -> bool:
        return {20, 137} <= set(subset) and subset.index(20) < subset.index(137)

    runs = [search(effect, 1, 0, seed)[0] for seed in range(30)]

    assert [found.members for found in runs if found is not None] == [(20, 137)] * 30


@pytest.mark.long
def test_a_victim_that_fails_now_and_then_by_itself() -> None:
    """One in ten alone, six in ten behind the polluter: that may not be found out, but nobody else is accused."""
    runs = [search(lambda subset: 17 in subset, 0.6, 0.1, seed, count=30)[0] for seed in range(20)]

    assert {found.members for found in runs if found is not None} == {(17,)}
    assert sum(found is not None for found in runs) >= 12


@pytest.mark.long
def test_nobody_is_accused_of_what_happens_alone() -> None:
    """It fails in one of five runs whoever ran before."""
    runs = [search(lambda subset: False, 0, 0.2, seed, count=15)[0] for seed in range(4)]

    assert [found for found in runs if found is not None] == []
