"""Every way in which a run can end early leaves a summary and a record that are right."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.integration.engine.conftest import LANES, TARGETS, Children, Lane, Runner, lanes

from flakeproof.engine.run_end import Surplus
from flakeproof.events import Noted, ProcessLoaded, Progressed
from flakeproof.store.log import read_events

ENDLESS = ["run", "leaving:slow", "--duration=120", "--workers=2", "--processes=2"]


def start(arguments: Sequence[str], store: Path) -> "subprocess.Popen[str]":
    """Start the command line in a process group of its own and wait for its first failure."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", *arguments, f"--store={store}", "--json=-"],
        cwd=TARGETS,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("FAILURE #1 "):
            break
    return process


def recorded(store: Path) -> int:
    """Outcomes in the log of the only run."""
    (folder,) = (store / "runs").iterdir()
    total = 0
    for event in read_events(folder):
        total += getattr(event, "count", 1) if type(event).__name__.startswith("Trial") else 0
    return total


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_in_order(number: signal.Signals, status: int, tmp_path: Path) -> None:
    """SIGINT and SIGTERM print the summary of what ran, complete the record, and show in the exit status."""
    process = start(ENDLESS, tmp_path)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    summary: dict[str, Any] = json.loads(out)
    assert process.returncode == status
    assert "=== Stress Test Results ===" in err
    assert summary["total"] == summary["passed"] + 1 > 1
    assert summary["stopped"] == ("interrupted" if status == 130 else "terminated")
    assert recorded(tmp_path) == summary["total"]


def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    """While a trial hangs, the first signal waits for the grace time, the second ends the run at once."""
    process = start(["run", "leaving:first_hangs", "--count=2", "--workers=2", "--processes=2", "--grace=1h"], tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    os.killpg(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    summary = json.loads(out)
    assert process.returncode in (130, 143)
    assert summary["total"] == summary["failed"] == 1


@lanes(LANES)
def test_failfast_stops_at_the_first_failure(lane: Lane, run: Runner) -> None:
    """The run ends early with the reason, and its rate is shown with an interval that holds at any stopping time."""
    seen = run("failing_once", lane, count=50_000_000, failfast=True)
    assert seen.summary.stopped == "stopped after the first failure"
    assert seen.trials("failed") == [10]
    assert seen.summary.total < 50_000_000
    assert seen.summary.interval is not None
    assert "robbins" in seen.summary.interval.method.lower()


@lanes(LANES)
@pytest.mark.parametrize("most", [1, 7])
def test_exactly_the_failures_allowed_are_counted(lane: Lane, most: int, run: Runner) -> None:
    """The run ends after the failures allowed; what was in flight then is told and not counted, passed or failed."""
    notes: list[str] = []
    seen = run(
        "failing",
        lane,
        count=100_000,
        max_failures=most,
        listen=lambda event: notes.append(event.message) if isinstance(event, Noted) else None,
    )
    assert seen.summary.stopped == f"stopped after the {'first failure' if most == 1 else 'failures allowed'}"
    assert seen.summary.failed == seen.summary.total == most
    about_copies = "failures with 3 tests at once: checking whether tests alone fail, too"
    told = [note for note in notes if note != about_copies]
    assert all("in flight when the run stopped: not counted" in note for note in told)


def test_passes_before_the_last_failure_are_counted(run: Runner) -> None:
    """One worker ends at the trial that fails, and all before it are counted."""
    seen = run("failing_once", workers=1, processes=1, count=50_000_000, failfast=True)
    assert (seen.summary.passed, seen.summary.failed) == (9, 1)


def test_what_was_in_flight_at_the_last_failure_is_not_counted() -> None:
    """Neither its failures nor its passes; of what had ended by then, passes up to the next failure are."""
    surplus = Surplus()
    assert (surplus.passed(0, 5), surplus.failed(0), surplus.note()) == (5, False, "")
    surplus.begin({0: 0, 1: 4, 2: 3})
    assert surplus.passed(1, 3) == 3
    assert surplus.failed(1)
    assert surplus.passed(1, 1) == 0
    assert surplus.passed(2, 5) == 3
    assert surplus.note() == "4 tests were still in flight when the run stopped: not counted (1 failed)"


@lanes(LANES)
def test_the_duration_ends_the_run(lane: Lane, run: Runner) -> None:
    """No trial starts after the duration; those in flight come to their end, and the first one is among them."""
    for duration in (0.3, 0.000001):
        seen = run("passing", lane, duration=duration)
        assert seen.summary.stopped == "the time given is over"
        assert seen.summary.passed == seen.summary.total > 0


def test_a_worker_killed_before_the_first_trial(run: Runner, children: Children) -> None:
    """The test that all others wait for goes to another process."""
    killed: list[int] = []

    def kill(event: object) -> None:
        if isinstance(event, ProcessLoaded) and not killed:
            killed.extend(child.pid for child in children())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    seen = run("passing", workers=2, processes=2, isolation="fork", count=20, listen=kill)
    assert killed
    assert seen.summary.passed == seen.summary.total == 20


@lanes(LANES)
def test_workers_killed_from_outside(lane: Lane, run: Runner, children: Children) -> None:
    """A worker killed in mid-run costs the trials in flight; a replacement does the rest, and all adds up."""
    killed, next_kill = 0, 1

    def kill(event: object) -> None:
        nonlocal killed, next_kill
        if isinstance(event, Progressed) and event.completed >= next_kill and killed < 4:
            for child in children():
                if child.status() != psutil.STATUS_ZOMBIE:
                    child.kill()
                    killed += 1
                    next_kill = event.completed + 20  # the replacement must have come to run trials
                    break

    seen = run("napping", lane, count=400, listen=kill)
    assert killed == 4
    assert seen.summary.total == 400
    assert len(seen.failures) <= 4 * lane.options["workers"]
    assert all(failure.details["signal"] == "SIGKILL" for failure in seen.failures)


def test_a_worker_that_can_never_start_again_ends_the_run(run: Runner, tmp_path: Path) -> None:
    """What has been seen is kept when no process can be started any more, and the rest is not called passed."""
    (tmp_path / "once.py").write_text(
        "import os, pathlib\n"
        "mark = pathlib.Path(__file__).with_name('mark')\n"
        "if mark.exists():\n"
        "    raise RuntimeError('only once')\n"
        "mark.touch()\n"
        "def crash():\n"
        "    import flakeproof\n"
        "    if flakeproof.current_trial().number == 7:\n"
        "        os._exit(1)\n"
    )
    seen = run("once:crash", folder=tmp_path, workers=1, count=20)
    assert seen.summary.stopped == "no worker process could be started any more"
    assert seen.summary.outcomes == {"passed": 6, "crashed": 1, "lost": 1}
    assert "only once" in seen.lost[0].reason
    assert seen.summary.exit_code == 1
