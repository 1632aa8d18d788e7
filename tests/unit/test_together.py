"""What fails together."""

import math
import random

import pytest
from scipy.stats import poisson  # type: ignore[import-untyped]

from flakeproof.stats.together import _log_poisson_tail, excesses, failing_together


def test_a_cluster_among_others() -> None:
    """Four tests with one cause, beside ten that fail by themselves as often."""
    draws = random.Random(1)
    failed_in: dict[str, set[int]] = {f"own{number}": set() for number in range(10)}
    failed_in |= {f"same{number}": set() for number in range(4)}
    for job in range(1000):
        cause = draws.random() < 0.05
        for name, jobs in failed_in.items():
            if draws.random() < ((0.9 if cause else 0.0) if name.startswith("same") else 0.05):
                jobs.add(job)
    (cluster,) = failing_together(failed_in, 1000)
    assert cluster.tests == ("same0", "same1", "same2", "same3")
    assert cluster.similarity > 0.6
    assert 30 < cluster.jobs <= cluster.any_jobs


def test_two_clusters_stay_two() -> None:
    """Also where one test fails with both."""
    jobs = {"a": set(range(20)), "b": set(range(20)), "c": set(range(100, 120)), "d": set(range(100, 120))}
    jobs["x"] = {1, 2, 101, 102}
    assert [one.tests for one in failing_together(jobs, 5000)] == [("a", "b"), ("c", "d")]


def test_often_is_not_together() -> None:
    """Tests that fail in half of the jobs meet by chance."""
    draws = random.Random(5)
    often = {name: {job for job in range(200) if draws.random() < 0.5} for name in "abcd"}
    assert failing_together(often, 200) == []


@pytest.mark.parametrize(("count", "mean"), [(5, 0.3), (40, 10.0), (12, 1.5), (200, 20.0)])
def test_the_tail_is_poissons(count: int, mean: float) -> None:
    """By scipy's."""
    assert _log_poisson_tail(count, mean) == pytest.approx(poisson.logsf(count - 1, mean), rel=1e-9)


def test_excesses() -> None:
    """Far too many, somewhat too many, as many as expected, few but none expected."""
    assert excesses([(40, 2.0), (9, 4.0), (4, 4.0), (3, 0.0), (6, 0.1)]) == [True, False, False, False, True]
    assert _log_poisson_tail(0, 0) == 0
    assert _log_poisson_tail(1, 0) == -math.inf
