"""Failures in the order of the trials: reference values, agreement with the definition, bounded work."""

import itertools
import random
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flakeproof.stats.order import Following, blocks, drift, few_runs, following, runs

deterministic = settings(derandomize=True, deadline=None, max_examples=100)
sequences = st.lists(st.booleans(), min_size=1, max_size=60)


def places_of(sequence: list[bool]) -> list[int]:
    """Where the failures are, from 1."""
    return [place for place, failed in enumerate(sequence, 1) if failed]


@pytest.mark.parametrize(
    ("seen", "failures", "passes", "expected"), [(13, 10, 190, 0.0003682023167), (35, 20, 980, 0.005426510812)]
)
def test_reference_values_of_the_runs_test(seen: int, failures: int, passes: int, expected: float) -> None:
    """The exact distribution, where normal theory is off by a factor of ten thousand."""
    assert few_runs(seen, failures, passes) == pytest.approx(expected, rel=1e-9)


def test_reference_value_of_the_table_of_neighbours() -> None:
    """To the digits given."""
    assert Following(6, 14, 14, 965).p == pytest.approx(9.311395139e-7, rel=1e-9)


@pytest.mark.parametrize("failures", range(1, 8))
def test_the_distribution_of_runs_is_exact(failures: int) -> None:
    """Counted over all orders of eight trials."""
    orders = [list(places) for places in itertools.combinations(range(1, 9), failures)]
    for seen in range(1, 10):
        expected = sum(runs(places, 8) <= seen for places in orders) / len(orders)
        assert few_runs(seen, failures, 8 - failures) == pytest.approx(expected, abs=1e-12)


@deterministic
@given(sequences)
def test_runs_and_neighbours_are_counted_from_places(sequence: list[bool]) -> None:
    """As they are from the trials one by one."""
    places, pairs = places_of(sequence), list(itertools.pairwise(sequence))

    assert runs(places, len(sequence)) == len(list(itertools.groupby(sequence)))
    assert following(places, len(sequence)) == Following(
        *(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False)))
    )


@deterministic
@given(sequences)
def test_the_change_is_where_the_sum_is_largest(sequence: list[bool]) -> None:
    """Of failures up to a trial, less those to expect."""
    places, trials = places_of(sequence), len(sequence)
    found = drift(places, trials)

    sums = [abs(trials * sum(sequence[:upto]) - len(places) * upto) for upto in range(1, trials + 1)]
    assert sums[found.place - 1] == max(sums)
    assert found.failures == sum(sequence[: found.place])
    assert 0.001 <= found.p <= 1


@deterministic
@given(sequences)
def test_blocks_hold_every_trial_once(sequence: list[bool]) -> None:
    """And every failure."""
    failures, trials = blocks(places_of(sequence), len(sequence))
    assert (sum(failures), sum(trials)) == (sum(sequence), len(sequence))
    assert all(size >= 2 for size in trials) or len(sequence) < 2


def test_bursts_and_changes_are_found() -> None:
    """And what is spread evenly is not called either."""
    even = list(range(50, 10_000, 100))
    bursts = [start + offset for start in range(1000, 10_000, 1000) for offset in range(5)]
    late = list(range(9000, 10_000, 20))

    assert (drift(even, 10_000).p, few_runs(runs(even, 10_000), 100, 9900)) == pytest.approx((1.0, 1.0))
    assert following(bursts, 10_000).p < 1e-20
    assert few_runs(runs(bursts, 10_000), len(bursts), 10_000 - len(bursts)) < 1e-20
    assert (drift(late, 10_000).p, drift(late, 10_000).place, drift(late, 10_000).failures) == (0.001, 8999, 0)


def test_a_burst_is_no_burst_of_passes() -> None:
    """Failures that avoid each other are not called bursts."""
    assert following(list(range(1, 100, 2)), 100).p == 1.0
    assert few_runs(100, 50, 50) == pytest.approx(1.0)
    assert drift(list(range(1, 101)), 100).p == drift([], 100).p == 1.0


@pytest.mark.parametrize("clustered", [False, True])
def test_the_work_goes_by_the_failures(clustered: bool) -> None:
    """Ten thousand of them in ten million trials."""
    trials = 10_000_000
    places = list(range(1, 10_001)) if clustered else sorted(random.Random(1).sample(range(1, trials + 1), 10_000))
    began = process_time()  # of this process alone: another one that is busy is no finding
    found = (
        drift(places, trials).p,
        following(places, trials).p,
        few_runs(runs(places, trials), 10_000, trials - 10_000),
    )
    assert process_time() - began < 30
    assert (max(found) <= 0.001) is clustered


@pytest.mark.parametrize("places", [[0, 1], [1, 11], [3, 2], [2, 2]])
def test_places_that_cannot_be(places: list[int]) -> None:
    """They are named."""
    with pytest.raises(ValueError, match="places must be"):
        following(places, 10)
