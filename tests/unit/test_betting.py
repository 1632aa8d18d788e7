"""Evidence about a mean of observations between 0 and 1."""

import math
import random
from functools import cache

import pytest

from flakeproof.stats.threshold import log_evidence_mean_below, observations_without_failure


@pytest.mark.parametrize(("threshold", "count"), [(0.001, 3076), (0.01, 307), (0.05, 60), (0.25, 11)])
def test_hardly_more_observations_than_the_fewest_there_can_be(threshold: float, count: int) -> None:
    """Without a failure: nothing that keeps an error of 5 % can do with fewer than log(0.05) / log(1 - t)."""
    assert observations_without_failure(threshold, 0.05) == count
    assert math.log(0.05) / math.log1p(-threshold) <= count <= 1.1 * math.log(0.05) / math.log1p(-threshold)
    assert log_evidence_mean_below((), count, threshold) >= math.log(20)
    assert log_evidence_mean_below((), count - 1, threshold) < math.log(20)


def test_it_falls_with_each_failure_and_is_never_ruined() -> None:
    """A process in which all failed weighs most, and is outweighed by enough that never did."""
    observed: list[list[float]] = [[0.0], [0.02], [0.2], [1.0]]
    found = [log_evidence_mean_below(shares, 100, 0.05) for shares in observed]
    assert found == sorted(found, reverse=True)
    assert found[-1] > -math.inf
    assert found[0] == pytest.approx(log_evidence_mean_below([], 101, 0.05))
    assert log_evidence_mean_below([1.0], 1000, 0.05) > math.log(20)
    assert log_evidence_mean_below([0.3] * 100, 0, 0.05) < 0


@pytest.mark.parametrize("share", [1.0, 0.2])
def test_it_errs_no_more_often_than_it_says_however_often_it_is_looked_at(share: float) -> None:
    """Of a mean that is the threshold: a part of the processes fails in so large a share of their trials.

    The evidence goes by how many failed and how many did not, so it is computed once for each pair of these numbers.
    """
    threshold, most, repeated = 0.1, 200, 1000

    @cache
    def convinced(failed: int, zeros: int) -> bool:
        return log_evidence_mean_below([share] * failed, zeros, threshold) >= math.log(20)

    chance = random.Random(5)
    wrong = 0
    for _ in range(repeated):
        failed = zeros = 0
        for _ in range(most):
            if chance.random() < threshold / share:
                failed += 1
            else:
                zeros += 1
                if convinced(failed, zeros):
                    wrong += 1
                    break
    assert wrong <= 0.05 * repeated + 3 * math.sqrt(0.05 * 0.95 * repeated)


@pytest.mark.parametrize(
    ("shares", "zeros", "threshold"), [([1.5], 0, 0.1), ([-0.1], 0, 0.1), ([], -1, 0.1), ([], 0, 0), ([], 0, 1)]
)
def test_what_is_no_observation(shares: list[float], zeros: int, threshold: float) -> None:
    """It is named."""
    with pytest.raises(ValueError, match="must be"):
        log_evidence_mean_below(shares, zeros, threshold)
