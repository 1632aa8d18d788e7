"""A trial that does not end in time is ended, explained by its stacks, and nothing else is blamed."""

import sys
from pathlib import Path

import pytest
from tests.integration.engine.conftest import ASYNC, LANES, SYNC, Lane, Runner, lanes

from flakeproof.engine.execute import execute
from flakeproof.errors import Stop
from flakeproof.events import AnyEvent, RunEnded, TrialFailed, TrialLost, TrialsPassed
from flakeproof.model import CommandTarget, Isolation, RunSpec

HUNG = 5
COUNT = 12
LIMIT = 1.5
"""Seconds: a trial that does not hang takes far less, on a busy machine, too."""


@lanes(SYNC)
@pytest.mark.parametrize("target", ["hanging", "busy", "blocked_in_c", "stubborn", "hanging_loop"])
def test_a_hanging_trial_is_ended(target: str, lane: Lane, run: Runner) -> None:
    """Exactly the trial that hangs times out, with the stack that it hangs in; those beside it are run again."""
    if target == "stubborn" and lane.name == "threads":
        pytest.skip("only the main thread of a process can ignore a signal")
    seen = run(target, lane, count=COUNT, timeout=LIMIT, grace=0.2)
    assert seen.trials("timed out") == [HUNG]
    assert seen.summary.outcomes == {"passed": COUNT - 1, "timed out": 1}
    (failure,) = seen.failures
    assert f"in {target}" in failure.details["stacks"]
    assert f"timed out after {LIMIT:g}" in failure.message
    assert "faults.py" in failure.message
    if target == "hanging_loop" and lane.name != "threads":  # signal handlers run in the main thread
        assert "in _inner" in failure.details["stacks"]


@lanes(LANES)
def test_a_trial_that_ends_too_late_by_itself_has_timed_out(lane: Lane, run: Runner) -> None:
    """The time that it reports decides, not whether somebody happened to look at the right moment."""
    seen = run("dawdling", lane, count=COUNT, timeout=0.05)
    assert seen.summary.outcomes == {"timed out": COUNT}


def test_a_command_that_ends_too_late_by_itself_has_timed_out(run: Runner) -> None:
    """The same for a program."""
    seen = run(["sleep", "0.06"], count=COUNT, timeout=0.05)
    assert seen.summary.outcomes == {"timed out": COUNT}


@pytest.mark.long
def test_without_a_limit_of_the_user_the_usual_duration_decides(run: Runner) -> None:
    """A trial that hangs is ended after ten seconds where others take two milliseconds, and it says why."""
    seen = run("hanging", SYNC[0], count=COUNT)
    assert seen.summary.outcomes == {"passed": COUNT - 1, "timed out": 1}
    (failure,) = seen.failures
    assert failure.message.startswith("ran over 10s: the least that a test may take, and it usually takes")
    assert "--timeout changes that, standing at" in failure.message
    assert failure.duration >= 10


@pytest.mark.long
@lanes(ASYNC)
@pytest.mark.parametrize("target", ["hanging", "blocking", "stubborn"])
def test_a_hanging_coroutine_is_ended(target: str, lane: Lane, run: Runner) -> None:
    """Also where the trial awaits for ever, blocks the event loop, or cannot be cancelled; the rest passes."""
    seen = run(target, lane, count=COUNT, timeout=LIMIT, grace=0.2)
    assert seen.trials("timed out") == [HUNG]
    assert seen.summary.outcomes == {"passed": COUNT - 1, "timed out": 1}
    (failure,) = seen.failures
    assert f"in a_{target}" in failure.details["stacks"]
    if target == "hanging":
        assert "in _inner" in failure.details["stacks"]
        assert "_inner" in failure.message or "wait" in failure.message


@pytest.mark.long
def test_a_worker_that_stands_still_is_replaced(run: Runner) -> None:
    """A trial that makes its process deaf to flakeproof costs time, not results."""
    seen = run("a_deafening", count=200, workers=2, processes=1)
    assert seen.summary.outcomes == {"passed": 200}


def test_trials_that_go_on_beyond_the_time_given_are_given_up(tmp_path: Path) -> None:
    """Where their patience has an end: they count for nothing, and nobody waits for the minute that they take."""
    command = CommandTarget(
        name="sleep", python=sys.executable, folder=str(tmp_path), program="/bin/sleep", argv=["sleep", "60"]
    )
    spec = RunSpec(
        target=command,
        count=None,
        workers=1,
        processes=1,
        isolation=Isolation.FRESH,
        seed=1,
        duration=0.1,
        patience=0.1,
        timeout=300.0,
    )
    events: list[AnyEvent] = []
    execute(spec, "given-up", tmp_path, [events.append], None)
    assert not [event for event in events if isinstance(event, TrialFailed | TrialsPassed | TrialLost)]
    assert [event.stopped for event in events if isinstance(event, RunEnded)] == [Stop.DURATION]
