"""A process that several trials share has ended: who did it is charged, the others run again."""

from pathlib import Path

import pytest
from tests.integration.engine.conftest import Lane, Runner
from tests.tools import mostly_long

THREADS = Lane("threads", "", {"workers": 6, "processes": 2})


@mostly_long(
    "target",
    ["exits", "kills_itself", "segfaults", "leaves_no_trace", "segfaults_elsewhere", "segfaults_in_a_task"],
    first=2,
)
def test_who_ends_the_process_is_charged_and_nobody_else(target: str, run: Runner) -> None:
    """Whether it leaves a stack, is seen at it, or has to run again alone."""
    seen = run(f"ends_process:{target}", THREADS, count=60)
    assert seen.trials("crashed") == [3, 23, 43]
    assert seen.summary.outcomes == {"passed": 57, "crashed": 3}
    assert seen.summary.unattributed is None


def test_where_it_cannot_be_known_the_rate_is_a_range(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each suspect has passed alone: one is charged, and it is told that it may have been any."""
    monkeypatch.setenv("ONCE", str(tmp_path / "once"))
    seen = run("ends_process:once", Lane("threads", "", {"workers": 4, "processes": 1}), count=20)
    assert seen.summary.outcomes == {"passed": 19, "crashed": 1}
    (crashed,) = seen.failures
    assert "by one of tests " in crashed.message
    unclear = seen.summary.unattributed
    assert unclear is not None
    assert (unclear.failures, unclear.low) == (1, 0.0)
    assert unclear.high == (1 + unclear.suspects) / 20
    assert 1 <= unclear.suspects <= 3


def test_the_first_failure_ends_the_run_though_suspects_wait(
    run: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is counted twice, and the totals add up, when a run ends before all is known."""
    monkeypatch.setenv("ONCE", str(tmp_path / "once"))
    seen = run("ends_process:once", Lane("threads", "", {"workers": 4, "processes": 1}), count=20, failfast=True)
    assert seen.summary.failed == 1
    assert seen.summary.total == seen.passed + 1
