"""Whatever a trial does to its process, every trial has one outcome and the totals are right."""

import signal

import pytest
from tests.integration.engine.conftest import ASYNC, LANES, SYNC, Lane, Runner, lanes

TENTHS = [10, 20, 30, 40]
COUNT = 40


@lanes(LANES)
def test_segfaults_cost_only_the_trials_in_flight(lane: Lane, run: Runner) -> None:
    """A segfault is a crash of the trials in flight, with signal and Python stack; the others have results."""
    seen = run("segfault", lane, count=COUNT)
    crashed = seen.trials("crashed")
    assert set(TENTHS) <= set(crashed)
    assert len(crashed) <= len(TENTHS) * (1 if lane.name not in ("threads", "tasks") else 4)
    for failure in seen.failures:
        assert "SIGSEGV" in failure.message
        assert failure.details["signal"] == "SIGSEGV"
        assert "faults.py" in failure.details["stacks"]
        assert "in segfault" in failure.details["stacks"]


@lanes(LANES)
@pytest.mark.parametrize(("target", "status"), [("exit_zero", 0), ("exit_three", 3)])
def test_quiet_exits_are_crashes(target: str, status: int, lane: Lane, run: Runner) -> None:
    """A trial that ends the process under flakeproof has crashed, even with status 0."""
    seen = run(target, lane, count=COUNT)
    assert set(TENTHS) <= set(seen.trials("crashed"))
    assert {failure.details["exit_code"] for failure in seen.failures} == {status}
    assert f"exited with status {status}" in seen.failures[0].message


@lanes(LANES)
@pytest.mark.parametrize(("target", "name"), [("killed", "SIGKILL"), ("terminated", "SIGTERM")])
def test_signals_to_itself_are_crashes(target: str, name: str, lane: Lane, run: Runner) -> None:
    """A trial that kills its process has crashed, by that signal."""
    seen = run(target, lane, count=COUNT)
    assert set(TENTHS) <= set(seen.trials("crashed"))
    assert {failure.details["signal"] for failure in seen.failures} == {name}
    assert name in seen.failures[0].message


def test_in_a_new_interpreter_signals_have_their_usual_effect(run: Runner) -> None:
    """Also when flakeproof itself was told to ignore them, as by nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        seen = run("hung_up", isolation="fresh", workers=1, count=2)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert [failure.details["signal"] for failure in seen.failures] == ["SIGHUP", "SIGHUP"]


@lanes(LANES)
def test_an_interrupt_of_its_own_is_accounted_for(lane: Lane, run: Runner) -> None:
    """SIGINT that a trial sends to its process interrupts at most the trials in flight, never flakeproof."""
    seen = run("interrupted", lane, count=COUNT)
    assert seen.summary.total == COUNT
    assert seen.summary.stopped is None
    if lane.name in ("inline", "forks"):
        assert seen.trials("failed") == TENTHS


@lanes(LANES)
@pytest.mark.parametrize("target", ["system_exit", "keyboard_interrupt"])
def test_exceptions_that_end_programs_are_failures(target: str, lane: Lane, run: Runner) -> None:
    """SystemExit and KeyboardInterrupt end the trial, not the process."""
    seen = run(target, lane, count=COUNT)
    assert seen.trials("failed") == TENTHS
    kind = "SystemExit" if target == "system_exit" else "KeyboardInterrupt"
    assert {failure.details["exception"]["type"] for failure in seen.failures} == {kind}


@lanes(LANES)
def test_closing_all_descriptors_is_the_trials_fault(lane: Lane, run: Runner) -> None:
    """A trial that closes flakeproof's descriptors crashes its process; nothing hangs and all is counted."""
    seen = run("descriptors_closed", lane, count=COUNT)
    assert all(failure.outcome == "crashed" for failure in seen.failures)
    assert all("closed descriptors" in failure.message for failure in seen.failures)
    if lane.name in ("inline", "forks", "async forks"):
        assert seen.trials("crashed") == TENTHS


@lanes(SYNC)
def test_nonsense_in_the_conversation_does_no_harm(lane: Lane, run: Runner) -> None:
    """A trial that writes to descriptors that are not its own costs what its process has not told, and no truth."""
    seen = run("babbling", lane, count=COUNT)
    assert seen.summary.total == COUNT
    assert len(seen.failures) <= lane.options["workers"]
    assert all(failure.outcome == "crashed" for failure in seen.failures)


@lanes(LANES)
def test_recursion_is_a_failure(lane: Lane, run: Runner) -> None:
    """A RecursionError is described like any other exception, with a bounded number of frames."""
    seen = run("recursion", lane, count=COUNT)
    assert seen.trials("failed") == TENTHS
    assert {failure.details["exception"]["type"] for failure in seen.failures} == {"RecursionError"}
    assert all(len(failure.details["exception"]["frames"]) <= 40 for failure in seen.failures)


@lanes(LANES)
def test_skips_are_not_failures(lane: Lane, run: Runner) -> None:
    """unittest.SkipTest is an outcome of its own."""
    seen = run("skipping", lane, count=COUNT)
    assert sorted(event.trial for event in seen.skipped) == TENTHS
    assert {event.reason for event in seen.skipped} == {"not here"}
    assert seen.summary.failed == 0


@lanes(LANES)
def test_awkward_messages_are_carried(lane: Lane, run: Runner) -> None:
    """Surrogates, control characters and megabytes in a message do no harm, and it stays one line."""
    seen = run("awkward_messages", lane, count=COUNT)
    assert seen.trials("failed") == TENTHS
    messages = {failure.trial: failure for failure in seen.failures}
    assert all("\n" not in failure.message and "\x1b" not in failure.message for failure in seen.failures)
    assert all(len(failure.message) < 400 for failure in seen.failures)
    assert len(messages[20].details["exception"]["message"]) < 5_000
    assert "5000000 characters" in messages[20].details["exception"]["message"]
    assert messages[40].message == "ValueError"


@lanes(LANES)
def test_every_trial_failing_is_broken(lane: Lane, run: Runner) -> None:
    """A target that always fails gets the verdict broken, and one signature."""
    seen = run("failing", lane, count=200)
    assert seen.trials("failed") == list(range(1, 201))
    assert seen.summary.verdict == "broken"
    assert [found.count for found in seen.summary.signatures] == [200]


@lanes(LANES)
def test_megabytes_of_output_are_capped(lane: Lane, run: Runner) -> None:
    """What a trial writes, itself and by its children, is kept with its failure: head and tail."""
    seen = run("much_output", lane, count=COUNT)
    assert seen.trials("failed") == TENTHS
    for failure in seen.failures:
        if lane.name in ("threads", "tasks"):
            assert failure.output == ""
        else:
            assert len(failure.output) < 50_000
            assert "the last line" in failure.output
            assert "bytes left out" in failure.output


@lanes(SYNC)
@pytest.mark.parametrize("target", ["unprintable", "grouped", "memory", "moved"])
def test_hard_to_describe_exceptions_are_failures(target: str, lane: Lane, run: Runner) -> None:
    """Whatever is raised is reported as the failure of that trial, in a message of limited size."""
    seen = run(target, lane, count=COUNT)
    assert seen.trials("failed") == TENTHS
    assert all(len(str(failure.details)) < 100_000 for failure in seen.failures)


@lanes(SYNC)
def test_a_fork_of_the_process_never_reports(lane: Lane, run: Runner) -> None:
    """A copy of the process that comes out of the target ends like a program of its own, and is not counted."""
    seen = run("forked_copy_returns", lane, count=COUNT, timeout=20)
    assert seen.summary.outcomes == {"passed": COUNT}


@lanes(SYNC)
@pytest.mark.parametrize("target", ["coroutine_from_plain", "generator_from_plain"])
def test_what_has_not_run_has_not_passed(target: str, lane: Lane, run: Runner) -> None:
    """A plain function that returns a coroutine or a generator has run nothing: the trial fails and says so."""
    seen = run(target, lane, count=4)
    assert seen.trials("failed") == [1, 2, 3, 4]
    assert "NotRunError" in seen.failures[0].message


@lanes(SYNC)
def test_any_other_result_is_ignored(lane: Lane, run: Runner) -> None:
    """A returned object that has every attribute is not taken for a coroutine."""
    assert run("mock_returned", lane, count=4).summary.outcomes == {"passed": 4}


@lanes(ASYNC)
@pytest.mark.parametrize("target", ["leftover_interrupt", "leftover_exit", "cancels_itself"])
def test_leftovers_in_the_loop_hit_no_other_trial(target: str, lane: Lane, run: Runner) -> None:
    """A task left behind that raises SystemExit or KeyboardInterrupt, or a late cancellation, fails no other trial."""
    seen = run(target, lane, count=COUNT)
    assert set(seen.trials("failed")) <= set(TENTHS)
    assert not seen.trials("crashed")


@lanes(ASYNC)
@pytest.mark.parametrize("target", ["cancels_all", "stops_loop", "forked_copy"])
def test_tampering_with_the_loop_is_survived(target: str, lane: Lane, run: Runner) -> None:
    """Trials that cancel every task, stop the loop or fork it leave flakeproof's lanes running."""
    seen = run(target, lane, count=COUNT, timeout=20)
    assert not seen.trials("crashed")
    assert not seen.trials("timed out")
