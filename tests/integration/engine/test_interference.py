"""A test that writes into what is flakeproof's, or raises what nothing can be asked of, costs no truth."""

import pytest
from tests.integration.engine.conftest import Lane, Runner

SHARED = [
    Lane("inline", "", {"workers": 1}),
    Lane("threads", "", {"workers": 2, "processes": 1}),
]
FORGED = [
    *("passes_counted", "one_pass_too_many", "ended_twice", "ended_elsewhere", "leases_ended", "counts_below_zero"),
    *("no_exception", "deep_exception", "deep_nonsense", "ready_again", "unloadable_now", "board_overwritten"),
]
ODD = {
    "text_that_raises": "Odd: said",
    "class_that_raises": "UnaskableError: <its message could not be made: ZeroDivisionError>",
    "error_without_number": "[Errno 5] said",
    "group_of_groups": "ExceptionGroup: outer (1 sub-exception)",
}


@pytest.mark.parametrize("lane", SHARED, ids=[lane.name for lane in SHARED])
@pytest.mark.parametrize("target", FORGED)
def test_more_is_never_counted_than_was_leased(target: str, lane: Lane, run: Runner) -> None:
    """The run is incomplete, or what was in flight has crashed; it never looks as if all had passed."""
    seen = run(f"hostile:{target}", lane, count=6)

    assert seen.summary.total <= 6
    if target != "board_overwritten" or seen.summary.passed < 6:  # what is written over may be written anew
        assert seen.summary.exit_code in (1, 3)
    if seen.lost:
        assert "a test has written to flakeproof's own parts" in seen.lost[0].reason


def test_a_board_that_a_fork_overwrites_is_noticed(run: Runner) -> None:
    """The memory is shared with the process that has forked."""
    seen = run("hostile:board_overwritten", isolation="fork", workers=2, processes=1, count=6)

    assert (seen.summary.total, seen.summary.failed) == (6, 0)
    assert seen.summary.exit_code == (3 if seen.lost else 0)


@pytest.mark.parametrize("options", [*(lane.options for lane in SHARED), {"workers": 2, "isolation": "fork"}])
@pytest.mark.parametrize(("target", "message"), ODD.items())
def test_an_exception_that_cannot_be_asked_is_a_failure(
    target: str, message: str, options: dict[str, object], run: Runner
) -> None:
    """It is told of as far as the interpreter knows it."""
    seen = run(f"hostile:{target}", count=4, **options)

    assert {(failure.outcome, failure.message) for failure in seen.failures} == {("failed", message)}
    assert len(seen.failures) == 4


def test_a_result_that_cannot_be_asked_is_a_pass(run: Runner) -> None:
    """Nobody needs to know what it is."""
    assert run("hostile:result_that_raises", count=4).summary.passed == 4
