"""The decision table, every row of it; and the same from counts."""

import itertools
import math

import pytest

from flakeproof.errors import ExitCode
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.records import (
    ComparisonArm,
    ComparisonSpec,
    ComparisonStarted,
    PairEnded,
    PairsClean,
    Side,
)
from flakeproof.features.compare.verdict import FixVerdict, decide, exit_code, table
from flakeproof.model import CallableTarget, RunSpec

TABLE = [
    # effect, futile, fix fails, both broken, any gone: None is any
    ((True, None, False, None, None), FixVerdict.FIXED),
    ((True, None, True, None, None), FixVerdict.REDUCED),
    ((False, True, None, None, True), FixVerdict.REDUCED),
    ((False, True, None, None, False), FixVerdict.NOT_FIXED),
    ((False, False, None, True, None), FixVerdict.NOT_FIXED),
    ((False, False, None, False, None), FixVerdict.INCONCLUSIVE),
]


@pytest.mark.parametrize("row", [*itertools.product([False, True], repeat=5)])
def test_the_table_is_complete_and_no_two_rows_overlap(row: tuple[bool, ...]) -> None:
    fitting = [
        verdict
        for pattern, verdict in TABLE
        if all(wanted is None or wanted is found for wanted, found in zip(pattern, row, strict=True))
    ]
    effect, futile, fix_fails, both_broken, any_gone = row
    found = table(effect=effect, futile=futile, fix_fails=fix_fails, both_broken=both_broken, any_gone=any_gone)
    assert [found] == fitting


@pytest.mark.parametrize(
    ("verdict", "stopped", "code"),
    [
        (FixVerdict.FIXED, None, ExitCode.GOOD),
        (FixVerdict.FIXED, "interrupted", ExitCode.GOOD),
        (FixVerdict.REDUCED, None, ExitCode.FAILURES),
        (FixVerdict.NOT_FIXED, "terminated", ExitCode.FAILURES),
        (FixVerdict.INCONCLUSIVE, "the time given is over", ExitCode.INCONCLUSIVE),
        (FixVerdict.INCONCLUSIVE, "interrupted", ExitCode.INTERRUPTED),
        (FixVerdict.INCONCLUSIVE, "terminated", ExitCode.TERMINATED),
    ],
)
def test_exit_codes(verdict: FixVerdict, stopped: str | None, code: ExitCode) -> None:
    assert exit_code(verdict, stopped) == code


def spec(error: float = 0.01) -> ComparisonSpec:
    """A comparison of a function with itself."""
    target = CallableTarget(name="m:f", python="python", folder="/", module="m", attribute="f")
    run = RunSpec(target=target, count=None, workers=1, processes=1, seed=1)
    arms = ComparisonArm(name="base", spec=run), ComparisonArm(name="fix", spec=run)
    return ComparisonSpec(
        arms=arms, error=error, reduction=10, most_trials=None, duration=None, company=1, places=1, seed=1
    )


def history_of(*sides: tuple[Side, Side], error: float = 0.01) -> ComparisonHistory:
    """A history of these pairs."""
    history = ComparisonHistory()
    history.add(ComparisonStarted(run_id="r", at="", version="", spec=spec(error), runs=["b", "f"]))
    for number, (base, fix) in enumerate(sides, 1):
        history.add(PairEnded(pair=number, place=0, fix_first=False, base=base, fix=fix))
    return history


def verdict_of(history: ComparisonHistory) -> FixVerdict:
    """What is decided."""
    assert history.spec is not None
    return decide(history.spec, history).verdict


PASS = Side(passed=1)
A, B = Side(failed=1, signatures={"a": 1}), Side(failed=1, signatures={"b": 1})


@pytest.mark.parametrize(("error", "needed"), [(1e-2, 8), (1e-4, 16), (1e-6, 22)])
def test_a_clean_fix_needs_as_many_failures_of_the_base_as_the_tables_say(error: float, needed: int) -> None:
    pairs = [(A, PASS)] * needed
    assert verdict_of(history_of(*pairs[1:], error=error)) is FixVerdict.INCONCLUSIVE
    assert verdict_of(history_of(*pairs, error=error)) is FixVerdict.FIXED


def test_one_failure_of_the_fix_is_no_fix() -> None:
    assert verdict_of(history_of(*[(A, PASS)] * 20, (PASS, A))) is FixVerdict.REDUCED


def test_a_failure_of_both_arms_in_one_pair_is_a_failure_of_the_fix() -> None:
    history = history_of(*[(A, PASS)] * 20, (A, A))
    assert history.pairs["tie"] == 1
    assert verdict_of(history) is FixVerdict.REDUCED


def test_a_fix_that_does_nothing() -> None:
    assert verdict_of(history_of(*[(A, PASS), (PASS, A)] * 10)) is FixVerdict.NOT_FIXED


def test_a_fix_that_makes_it_worse() -> None:
    assert verdict_of(history_of(*[(PASS, A)] * 10)) is FixVerdict.NOT_FIXED


def test_both_always_fail() -> None:
    assert verdict_of(history_of(*[(A, A)] * 5)) is FixVerdict.INCONCLUSIVE
    assert verdict_of(history_of(*[(A, A)] * 20)) is FixVerdict.NOT_FIXED


def test_a_base_that_never_fails() -> None:
    history = history_of()
    history.add(PairsClean(count=10_000, trials=10_000))
    assert verdict_of(history) is FixVerdict.INCONCLUSIVE


def test_pairs_without_a_result_tell_nothing() -> None:
    history = history_of(*[(A, Side(other=1))] * 50)
    assert history.pairs["void"] == 50
    assert verdict_of(history) is FixVerdict.INCONCLUSIVE


def test_one_bug_mended_is_not_hidden_by_another_that_is_not() -> None:
    history = history_of(*[(A, PASS)] * 12, *[(B, PASS), (PASS, B)] * 40)
    assert history.spec is not None
    decision = decide(history.spec, history)
    assert decision.verdict is FixVerdict.REDUCED
    assert decision.gone == ("a",)


def test_a_bug_under_another_name_is_not_gone() -> None:
    """A fix that renames a function and mends nothing has failures of another kind, as often as before."""
    history = history_of(*[(A, PASS), (PASS, B)] * 20)
    assert history.spec is not None
    decision = decide(history.spec, history)
    assert decision.verdict is FixVerdict.NOT_FIXED
    assert (decision.gone, decision.over) == ((), True)


def test_a_bug_is_gone_though_something_new_fails_now_and_then() -> None:
    history = history_of(*[(A, PASS)] * 20, (PASS, B))
    assert history.spec is not None
    assert decide(history.spec, history).gone == ("a",)


def test_the_end_waits_for_a_bug_that_is_half_proven_gone() -> None:
    history = history_of(*[(A, PASS)] * 7, *[(B, PASS), (PASS, B)] * 40)
    assert history.spec is not None
    decision = decide(history.spec, history)
    assert decision.whole.is_futile
    assert decision.verdict is FixVerdict.NOT_FIXED
    assert not decision.over
    for number in range(5):
        history.add(PairEnded(pair=200 + number, place=0, fix_first=False, base=A, fix=PASS))
    decision = decide(history.spec, history)
    assert decision.over
    assert decision.verdict is FixVerdict.REDUCED


def test_later_kinds_need_more_evidence() -> None:
    """k (k + 1) times as much, so that all kinds together are wrong with no more than the error allowed."""
    assert sum(1 / (order * (order + 1)) for order in range(1, 10_000)) < 1
    history = history_of((A, PASS), (B, PASS))
    assert history.spec is not None
    from flakeproof.features.compare.verdict import weigh

    for order in (1, 2, 3):
        assert weigh(0, 0, history.spec, order).wanted == pytest.approx(math.log(100 * order * (order + 1)))


def test_a_block_is_one_coin_whatever_its_failures() -> None:
    burst = Side(passed=20, failed=30, signatures={"a": 30})
    history = history_of(*[(burst, Side(passed=50))] * 3)
    assert history.pairs["base"] == 3
    assert history.base.failed == 90
    assert verdict_of(history) is FixVerdict.INCONCLUSIVE
