"""What --freeze does, that it can be repeated, and that nothing stands still afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.integration.perturb.conftest import below, is_alive, standing_still, until

import flakeproof
from flakeproof.errors import UsageError

GAPS = """
import time

def test_gaps():
    found, last, end = 0, time.monotonic(), time.monotonic() + 20
    while found < 3 and last < end:
        now = time.monotonic()
        found += now - last > 0.1
        last = now
    raise AssertionError(f"{found} gaps")

if __name__ == "__main__":
    test_gaps()
"""
PAUSES = "100ms..150ms@p=0.5"


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("gaps:test_gaps", {"isolation": "fork"}),
        ("gaps:test_gaps", {"isolation": "fresh"}),
        (flakeproof.pytest_nodes("gaps.py"), {}),
        ([sys.executable, "gaps.py"], {}),
    ],
    ids=["fork", "fresh", "pytest", "command"],
)
def test_time_passes_in_leaps(
    target: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen from inside; the test goes on after each pause."""
    (tmp_path / "gaps.py").write_text(GAPS)
    monkeypatch.chdir(tmp_path)

    summary = flakeproof.run(
        target, count=1, workers=1, freeze=PAUSES, seed=7, timeout=60, store=tmp_path / "store", **options
    )

    failure = summary.signatures[0].example
    assert "3 gaps" in f"{failure.message} {failure.output}"


def test_it_is_replayed(tmp_path: Path) -> None:
    """As it was recorded."""
    (tmp_path / "gaps.py").write_text(GAPS)
    words = [sys.executable, "-m", "flakeproof"]

    def done(*arguments: str) -> str:
        told = subprocess.run(
            [*words, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        return told.stdout + told.stderr

    done("run", "-c", "1", "-w", "1", "--freeze", PAUSES, "--", sys.executable, "gaps.py")
    again = done("replay", "latest", "1")
    assert "3 gaps" in again
    assert "Test 1 failed again, in the same way" in again


def test_a_frozen_test_hears_that_its_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets the signal that asks it to end, and the time to do so; and that it stood still does not count as late."""
    monkeypatch.chdir(tmp_path)
    script = "trap 'echo told; exit 1' TERM; while :; do :; done"

    summary = flakeproof.run(
        ["sh", "-c", script], count=3, workers=3, freeze="1s@p=0.9", seed=7, timeout=1.0, grace=20, store=tmp_path / "s"
    )

    assert summary.outcomes == {"timed out": 3}
    assert "told" in summary.signatures[0].example.output


def test_nothing_stands_still_after_the_coordinator_was_killed(tmp_path: Path) -> None:
    """What a test has cut loose, and nobody is there to end any more, goes on; the rest has gone."""
    (tmp_path / "leaves.py").write_text(
        "import subprocess, sys, time\n"
        "def check():\n"
        "    code = 'import time; time.sleep(60)'\n"
        "    subprocess.run([sys.executable, '-c', code, 'left behind'], start_new_session=True)\n"
    )
    words = [sys.executable, "-m", "flakeproof", "run", "leaves:check", "--isolation", "fork", "-w", "1"]
    process = subprocess.Popen(
        [*words, "--freeze", "1s@p=0.9", "--store", str(tmp_path / "s")],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    left: list[psutil.Process] = []
    try:
        until(lambda: any(standing_still(child) for child in _left_behind(process.pid)))
        left = _left_behind(process.pid)
        others = [child for child, _ in below(process.pid) if child not in left]
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(map(is_alive, others)))
        assert not standing_still(left[0])
    finally:
        process.kill()
        process.wait()
        for child in left:
            child.kill()


def test_tests_that_share_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They cannot be frozen one by one: that is said, with what to do."""
    (tmp_path / "gaps.py").write_text(GAPS)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UsageError, match=r"freeze.* is not possible here: .* tests share theirs"):
        flakeproof.run("gaps:test_gaps", count=1, freeze=PAUSES)


def _left_behind(pid: int) -> list[psutil.Process]:
    return [child for child, words in below(pid) if "left behind" in words]
