"""The time of day of commands, by libfaketime."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from tests.tools import missing

import flakeproof
from flakeproof.errors import UsageError
from flakeproof_worker.perturb import faketime

Messages = Callable[..., dict[int, str]]
_MEMORY = Path("/dev/shm")

NOW = ["sh", "-c", "date +%Y-%m-%dT%H:%M:%S.%N | cut -c1-23; exit 1"]


@pytest.fixture(autouse=True)
def _needs_the_library() -> None:
    if faketime.library() is None:
        missing("libfaketime is not installed (apt-get install faketime)")


def _times(shown: dict[int, str]) -> list[datetime]:
    return [datetime.fromisoformat(text.split()[-1]) for _, text in sorted(shown.items())]


def _made_by(pid: int | str) -> list[str]:
    return [path.name for path in _MEMORY.glob(f"*flakeproof-{pid}-*")]


def _left() -> list[str]:
    """What processes have left that are there no more; others may be at work on this machine."""
    return [
        name
        for name in _made_by("*")
        if (pid := name.rpartition("flakeproof-")[2].partition("-")[0]) and not Path("/proc", pid).exists()
    ]


def test_an_instant_and_a_shift(messages: Messages) -> None:
    """Each trial begins then, in its zone; nothing is left."""
    begun = _times(messages("", NOW, count=3, clock="2024-02-29T23:59:58", timezone="Asia/Tokyo"))
    shifted = _times(messages("", NOW, count=1, clock="+400d"))

    assert {f"{moment:%Y-%m-%d %H:%M}" for moment in begun} <= {"2024-02-29 23:59", "2024-03-01 00:00"}
    assert 399 <= (shifted[0] - datetime.now()).days <= 400
    _wait(lambda: _left() == [])


def test_boundaries(messages: Messages) -> None:
    """Drawn for each trial from its seed, in local time; at most a second before."""
    first, again = (_times(messages("", NOW, count=8, clock="boundaries")) for _ in range(2))

    for moment, same in zip(first, again, strict=True):
        assert abs((moment - same).total_seconds()) < 86400  # the boundary is the same, or the next of its kind
    assert len({moment.date() for moment in first}) >= 2


def test_all_programs_of_a_trial_share_a_clock(messages: Messages) -> None:
    """It goes on from where its start was, in children of a shell as well."""
    shell = "a=$(date +%s%N); sleep 0.1; b=$(date +%s%N); echo $(( (b - a) / 1000000 )); exit 1"
    for clock, rate in (("x4", 4), ("x0.25", 0.25)):
        start = time.monotonic()
        (shown,) = messages("", ["bash", "-c", shell], count=1, clock=clock).values()
        assert 100 <= int(shown.split()[-1]) <= 1000 * rate * (time.monotonic() - start)
    _wait(lambda: _left() == [])


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_when_killed(tmp_path: Path, sent: signal.Signals) -> None:
    """Nor when it is ended without waiting for the trials in flight."""
    words = [sys.executable, "-m", "flakeproof", "run", "-c", "4", "-w", "2", "--clock", "+1d", "--store"]
    run = subprocess.Popen(
        [*words, str(tmp_path / "store"), "--", "bash", "-c", "date; touch started; sleep 60; date"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    _wait(lambda: (tmp_path / "started").exists())
    workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
    assert any(_made_by(worker) for worker in workers)

    def ended() -> bool:
        os.kill(run.pid, sent)  # the second SIGINT does not wait, and one that follows at once may be lost in the first
        return run.poll() is not None

    _wait(ended)
    _wait(lambda: not any(_made_by(worker) for worker in workers))


def _wait(until: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not until():
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_programs_that_cannot_be_told_another_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said which and why; with the best effort they run without."""
    monkeypatch.chdir(tmp_path)
    static = tmp_path / "static"
    static.write_bytes(b"\x7fELF\x02\x01".ljust(64, b"\0"))
    static.chmod(0o755)

    with pytest.raises(UsageError, match="linked statically, which reads the time from the kernel"):
        flakeproof.run(["./static"], clock="+1d", store=tmp_path / "store")
    summary = flakeproof.run([sys.executable, "-c", "1"], clock="+1d", best_effort=True, count=1, store=tmp_path / "s")
    assert summary.passed == 1
