"""Which of many candidates matters."""

import random
from math import comb

import pytest

from flakeproof.stats.culprits import CulpritEvidence, CulpritTally, evidence


def _found(seed: int, candidates: int, trials: int, *, without: float, with_it: float) -> list[CulpritEvidence]:
    """Each takes part in a fifth of the trials; number 3 is the one that decides about the rate."""
    draw = random.Random(seed).random
    tallies = [CulpritTally() for _ in range(candidates)]
    for _ in range(trials):
        active = [draw() < 0.2 for _ in range(candidates)]
        failed = draw() < (with_it if active[3] else without)
        for tally, part in zip(tallies, active, strict=True):
            tally.add(active=part, failed=failed)
    return [evidence(tally) for tally in tallies]


@pytest.mark.parametrize(("without", "with_it"), [(0.0, 0.5), (0.01, 0.9), (0.1, 0.6), (0.3, 0.95)])
def test_the_one_that_raises_the_rate(without: float, with_it: float) -> None:
    """It has the most evidence, and much of it, in 20 simulations."""
    for seed in range(20):
        found = _found(seed, 40, 150, without=without, with_it=with_it)

        assert found[3].raises == max(max(one.raises, one.lowers) for one in found)
        assert found[3].raises > 30


def test_the_one_that_lowers_the_rate() -> None:
    """It is told apart from one that raises it."""
    for seed in range(20):
        found = _found(seed, 40, 150, without=0.5, with_it=0.02)

        assert found[3].lowers == max(max(one.raises, one.lowers) for one in found)
        assert found[3].lowers > 100 * found[3].raises


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 1.0])
def test_where_nothing_matters_evidence_is_rare(rate: float) -> None:
    """A factor of 20 or more is as rare as it says: in one of 20 candidates at most (of 800, 40; 60 would be news)."""
    found = [one for seed in range(20) for one in _found(seed, 40, 300, without=rate, with_it=rate)]

    assert sum(one.raises >= 20 for one in found) <= 60
    assert sum(one.lowers >= 20 for one in found) <= 60


def test_its_mean_is_one_where_nothing_matters() -> None:
    """A Bayes factor for fixed numbers of trials, averaged over everything that can be seen, is 1: summed exactly."""
    size = 6
    total = 0.0
    for active in range(size + 1):
        for idle in range(size + 1):
            found = evidence(CulpritTally(size, active, size, idle))
            failures = active + idle
            # Jeffreys' prior for the common rate: the probability of this many failures in these places.
            likely = comb(size, active) * comb(size, idle) * _sequence(failures, 2 * size)
            total += likely * (found.raises + found.lowers) / 2
    assert total == pytest.approx(1.0, abs=1e-9)


def _sequence(failures: int, trials: int) -> float:
    """Probability of one order of so many failures under Jeffreys' prior, multiplied out."""
    result, failed, passed = 1.0, 0.5, 0.5
    for number in range(trials):
        if number < failures:
            result *= failed / (failed + passed)
            failed += 1
        else:
            result *= passed / (failed + passed)
            passed += 1
    return result
