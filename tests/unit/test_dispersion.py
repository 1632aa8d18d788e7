"""Failures in groups: reference values, agreement with the definition, bounded work."""

import itertools
import math
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from flakeproof.stats.dispersion import clustering, design_effect, grouping, korn_graubard, tarone
from flakeproof.stats.intervals import clopper_pearson

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
CLUSTERED, FIFTIES = [0, 0, 1, 0, 7, 0, 2, 0], [50] * 8


def test_reference_values() -> None:
    """Eight processes of 50 trials, one of which has 7 of the 10 failures."""
    found = design_effect(CLUSTERED, FIFTIES)

    assert tarone(CLUSTERED, FIFTIES) == pytest.approx(6.578942213, rel=1e-9)
    assert clustering(CLUSTERED, FIFTIES) == pytest.approx(9.43741079e-5, rel=1e-8)
    assert found.correlation == pytest.approx(0.07767391844, rel=1e-9)
    assert found.design_effect == pytest.approx(4.806022003, rel=1e-9)
    assert 400 / found.design_effect == pytest.approx(83.22891566, rel=1e-9)


groups = st.lists(st.tuples(st.integers(0, 3), st.integers(3, 30)), min_size=1, max_size=4)


@deterministic
@given(groups)
def test_the_exact_p_value_is_what_it_is_defined_as(found: list[tuple[int, int]]) -> None:
    """A sum over all ways to spread the failures, with scipy's multivariate hypergeometric probabilities."""
    failures, trials = [count for count, _ in found], [size for _, size in found]
    failed, total = sum(failures), sum(trials)

    def statistic(counts: tuple[int, ...]) -> int:
        return sum((total * count - size * failed) ** 2 for count, size in zip(counts, trials, strict=True))

    ways = itertools.product(*(range(min(size, failed) + 1) for size in trials))
    expected = math.fsum(
        stats.multivariate_hypergeom.pmf(x=way, m=trials, n=failed)
        for way in ways
        if sum(way) == failed and statistic(way) >= statistic(tuple(failures))
    )
    if len(trials) > 1 and 0 < failed < total:
        assert clustering(failures, trials) == pytest.approx(expected, rel=1e-9)
    else:
        assert clustering(failures, trials) == 1.0


def test_the_simulation_agrees_with_the_exact_value() -> None:
    """Where the exact one takes too long: twelve groups, with sizes that are all different."""
    sizes = [1000 + 7 * number for number in range(12)]
    assert clustering([9, 2, 3, 2, 4, 2, 3, 1, 2, 3, 2, 3], sizes) == pytest.approx(0.3, abs=0.2)
    assert clustering([30, 2, 3, 2, 4, 2, 3, 1, 2, 3, 2, 3], sizes) == 0.001
    assert clustering([9, 2, 3, 2], sizes[:4], 1) == clustering([9, 2, 3, 2], sizes[:4], 2)  # exact: no chance in it


@pytest.mark.parametrize("failures", [[2500] * 4, [9997, 1, 1, 1], [5_000_000, 1, 1, 1], [1000] * 1000])
def test_the_work_is_bounded(failures: list[int]) -> None:
    """Ten million trials, thousands of failures, a thousand processes."""
    began = process_time()  # of this process alone: another one that is busy is no finding
    clustering(failures, [10_000_000] * len(failures))
    assert process_time() - began < 30


def test_groups_of_which_nothing_can_be_said() -> None:
    """One group, no failures, nothing but failures, no trials, a trial each."""
    for failures, trials in (([1], [5]), ([0, 0], [5, 5]), ([5, 5], [5, 5]), ([], []), ([0, 1], [0, 5])):
        assert clustering(failures, trials) == 1.0
        assert abs(tarone(failures, trials)) < 2
        assert design_effect(failures, trials).design_effect == 1.0
    assert design_effect([0, 1, 1], [1, 1, 1]).design_effect == 1.0
    with pytest.raises(ValueError, match="failures must be between 0 and the 2 trials, got 3"):
        clustering([3], [2])
    with pytest.raises(ValueError, match="got 1 and 2 numbers"):
        clustering([3], [2, 4])


@deterministic
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 500)), min_size=2, max_size=8))
def test_a_design_effect_has_bounds(found: list[tuple[int, int]]) -> None:
    """Dependent trials are worth at most as many as there are, and at least as many as the largest group allows."""
    failures, trials = [count for count, _ in found], [size for _, size in found]
    assert 1 <= design_effect(failures, trials).design_effect <= max(trials) * (1 + 1e-12)


def test_groups_that_always_or_never_fail_are_worth_one_trial_each() -> None:
    """All of the variance is between them."""
    assert design_effect([50, 0, 50, 0], [50] * 4).correlation == 1.0
    assert 200 / design_effect([50, 0, 50, 0], [50] * 4).design_effect == pytest.approx(4)


def test_the_interval_of_korn_and_graubard() -> None:
    """That of Clopper and Pearson for the effective number at the same rate."""
    assert korn_graubard(20, 1000, 1000.0).low == pytest.approx(clopper_pearson(20, 1000).low, rel=1e-12)
    found, fewer = korn_graubard(20, 1000, 250.0), clopper_pearson(5, 250)
    assert (found.low, found.high) == pytest.approx((fewer.low, fewer.high), rel=1e-9)
    assert found.method == "korn-graubard"
    assert korn_graubard(10, 400, 83.2).low < 10 / 400 < korn_graubard(10, 400, 83.2).high
    assert korn_graubard(7, 7, 2.3).high == 1.0
    with pytest.raises(ValueError, match="effective number must be above 0 and at most the 7 trials, got 8"):
        korn_graubard(7, 7, 8.0)


def test_members_of_a_group_that_are_alike() -> None:
    """Two that agree in each of many groups are no chance; one in each tells nothing, and neither does a mixture."""
    assert grouping([[1, 1, 1]] * 4 + [[0, 0, 0]] * 4) < 0.001
    assert grouping([[1.0], [0.0], [1.0], [0.0]]) == 1
    assert grouping([[1, 1], [1, 1]]) == 1
    assert grouping([[1, 0, 0.5], [0, 1, 0.5], [0.5, 1, 0]]) > 0.5
    # Of the 20 ways to choose the three that fail, two leave a group whole.
    assert abs(grouping([[1, 1, 1], [0, 0, 0]]) - 0.1) < 0.07
    with pytest.raises(ValueError, match="between 0 and 1"):
        grouping([[2, 1], [0, 0]])
