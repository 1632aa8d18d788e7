"""Two arms alternate in random order, each place by itself, and every trial of a pair is accounted for."""

import random
from collections import Counter

import pytest

from flakeproof.events import AnyEvent, TrialFailed, TrialLost, TrialsPassed
from flakeproof.features.compare.records import PairEnded
from flakeproof.features.compare.turns import Turns
from flakeproof.model import Failure, Outcome


def passed(count: int) -> TrialsPassed:
    """A batch."""
    return TrialsPassed(process=0, count=count, durations=[])


def failed(trial: int, signature: str = "s") -> TrialFailed:
    """One failure."""
    failure = Failure(
        trial=trial, seed=1, outcome=Outcome.FAILED, message="m", signature=signature, duration=0.0, process=0
    )
    return TrialFailed(number=1, failure=failure)


class Bench:
    """Turns, with what they told."""

    def __init__(self, places: list[int], most: int = 10**9, seed: int = 7) -> None:
        self.pairs: list[PairEnded] = []
        self.woken: list[tuple[int, int]] = []
        self._most = most
        self.turns = Turns(places, (1, 1), 1, seed, self._ended)
        self.turns.wake = lambda arm, place: self.woken.append((arm, place))
        self.renewed: list[int] = []
        self.turns.renew = self.renewed.append

    def _ended(self, pair: PairEnded) -> bool:
        self.pairs.append(pair)
        return len(self.pairs) < self._most

    def whose(self, place: int) -> tuple[int, tuple[int, int]] | None:
        """The arm that gets trials at `place` now, and the block."""
        for arm in (0, 1):
            if (block := self.turns.arms[arm].take(place, 10**6)) is not None:
                return arm, block
        return None


def test_arms_alternate_in_random_order() -> None:
    bench = Bench([1])
    order = []
    for _ in range(398):
        turn = bench.whose(0)
        assert turn is not None
        arm, (_, count) = turn
        assert count == 1
        assert bench.whose(0) is None, "the other arm waits until this trial has ended"
        order.append(arm)
        bench.turns.arms[arm].ended(0, passed(1))
    assert len(bench.pairs) == 199
    assert all(sorted(pair) == [0, 1] for pair in zip(order[::2], order[1::2], strict=True))
    first = Counter(order[::2])
    assert 70 < first[0] < 130
    assert [pair.fix_first for pair in bench.pairs] == [bool(arm) for arm in order[::2]]
    assert len(bench.woken) == 398


def test_another_seed_is_another_order() -> None:
    orders = []
    for seed in (1, 1, 2):
        bench = Bench([1], seed=seed)
        for _ in range(64):
            turn = bench.whose(0)
            assert turn is not None
            bench.turns.arms[turn[0]].ended(0, passed(1))
        orders.append([pair.fix_first for pair in bench.pairs])
    assert orders[0] == orders[1] != orders[2]


def test_trials_get_numbers_once() -> None:
    bench, rng = Bench([1, 3, 2]), random.Random(3)
    seen: tuple[set[int], set[int]] = set(), set()
    for _ in range(300):
        place = rng.randrange(3)
        turn = bench.whose(place)
        assert turn is not None
        arm, (first, count) = turn
        trials = set(range(first, first + count))
        assert not trials & seen[arm]
        seen[arm].update(trials)
        bench.turns.arms[arm].ended(place, passed(count))


def test_a_block_ends_with_its_last_trial() -> None:
    bench = Bench([2])
    turn = bench.whose(0)
    assert turn is not None
    arm, (first, count) = turn
    assert count == 8
    work = bench.turns.arms[arm]
    work.ended(0, failed(first))
    work.ended(0, passed(count - 3))
    work.ended(0, TrialLost(trial=first + 1, reason="gone"))
    assert bench.woken == []
    work.put_back(0, [(first + 2, 1)])
    assert work.take(0, 100) == (first + 2, 1)
    work.ended(0, failed(first + 2, "other"))
    assert bench.woken == [(1 - arm, 0)]
    bench.turns.arms[1 - arm].ended(0, passed(count))
    (pair,) = bench.pairs
    side = pair.fix if arm else pair.base
    assert (side.passed, side.failed, side.other) == (count - 3, 2, 1)
    assert side.signatures == {"s": 1, "other": 1}
    assert not pair.is_clean


def test_blocks_grow_while_nothing_fails_and_only_between_pairs() -> None:
    bench = Bench([2, 2])
    sizes: list[int] = []
    for _ in range(4000):
        for place in (0, 1):
            turn = bench.whose(place)
            assert turn is not None
            arm, (_, count) = turn
            sizes.append(count)
            bench.turns.arms[arm].ended(place, passed(count))
    assert sizes[0] == 8
    assert max(sizes) == 128
    assert all(pair.base.passed == pair.fix.passed for pair in bench.pairs)


def test_blocks_stay_while_something_fails() -> None:
    bench = Bench([2])
    for _ in range(200):
        turn = bench.whose(0)
        assert turn is not None
        arm, (first, count) = turn
        assert count == 8
        bench.turns.arms[arm].ended(0, failed(first))
        bench.turns.arms[arm].ended(0, passed(count - 1))


@pytest.mark.parametrize(
    ("base", "fix", "renewed"),
    [(None, None, []), ("s", None, [0]), (None, "s", [0]), ("s", "s", []), ("s", "other", [0])],
    ids=["passed", "base", "fix", "alike", "in other ways"],
)
def test_processes_are_replaced_after_a_pair_that_disagrees(
    base: str | None, fix: str | None, renewed: list[int]
) -> None:
    """One that goes on failing is one coin, not many, for each kind of failure; what fails alike decides nothing."""
    bench = Bench([1])
    for _ in range(2):
        turn = bench.whose(0)
        assert turn is not None
        arm, (first, _) = turn
        signature = (base, fix)[arm]
        bench.turns.arms[arm].ended(0, failed(first, signature) if signature else passed(1))
    assert len(bench.pairs) == 1
    assert bench.renewed == renewed


def test_processes_that_come_to_no_decision_are_replaced_ever_more_seldom() -> None:
    """Some never fail, by their hash seed; others only after many trials."""
    bench = Bench([1])
    after: list[int] = []
    for _ in range(2 * 3200):
        turn = bench.whose(0)
        assert turn is not None
        bench.turns.arms[turn[0]].ended(0, passed(1))
        if len(bench.renewed) > len(after):
            after.append(len(bench.pairs))
    assert after == [200, 600, 1400, 3000]


def test_nothing_is_given_out_after_the_last_pair() -> None:
    bench = Bench([1, 1], most=1)
    for _ in range(2):
        turn = bench.whose(0)
        assert turn is not None
        bench.turns.arms[turn[0]].ended(0, passed(1))
    assert bench.turns.is_over
    assert bench.whose(0) is None
    assert bench.whose(1) is None
    late: AnyEvent = passed(1)
    bench.turns.arms[0].ended(1, late)
    assert len(bench.pairs) == 1


@pytest.mark.parametrize("arm", [0, 1])
def test_what_a_process_had_not_started_goes_to_its_replacement(arm: int) -> None:
    bench = Bench([1])
    turn = bench.whose(0)
    assert turn is not None
    if turn[0] != arm:
        bench.turns.arms[turn[0]].ended(0, passed(1))
        turn = bench.whose(0)
        assert turn is not None
    bench.turns.arms[arm].put_back(0, [turn[1]])
    assert bench.whose(0) == turn
