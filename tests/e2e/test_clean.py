"""`flakeproof clean`, and what becomes of records."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]


def test_clean_tells_first_and_removes_then(flakeproof: Flakeproof, project: Path) -> None:
    """A dry run changes nothing, --keep keeps the newest, clean alone leaves no trace."""
    for _ in range(3):
        flakeproof("run", "targets:passes", "-c", "2")
    runs = project / ".flakeproof" / "runs"
    newest = max(runs.iterdir()).name

    dry = flakeproof("clean", "--dry-run")
    assert dry.stdout.count("would remove .flakeproof/runs/") == 3
    assert len(list(runs.iterdir())) == 3
    assert "2 runs removed" in flakeproof("clean", "--keep", "1").stdout
    assert [newest] == [path.name for path in runs.iterdir()]
    assert "1 run removed" in flakeproof("clean").stdout
    assert not (project / ".flakeproof").exists()
    assert flakeproof("clean").stdout == "nothing to remove in .flakeproof\n"


def test_what_is_not_ours_stays(flakeproof: Flakeproof, project: Path) -> None:
    """Foreign files beside and in our folders are named and left, whatever the store is."""
    store = project / "results"
    store.mkdir()
    (store / "thesis.txt").write_text("years of work")
    flakeproof("run", "targets:passes", "-c", "2", "--store", "results")
    flakeproof("run", "broken:f", "-c", "2", "--store", "results")
    run = next((store / "runs").iterdir())
    (run / "notes.txt").write_text("mine")
    (store / "runs" / "mine").mkdir()

    ended = flakeproof("clean", "--store", "results")

    assert f"left alone, not made by flakeproof: results/runs/{run.name}/notes.txt" in ended.stdout
    assert {"thesis.txt", "runs", "latest"} >= {path.name for path in store.iterdir()}
    assert [run / "notes.txt"] == list(run.iterdir())
    assert (store / "runs" / "mine").is_dir()
    assert (store / "thesis.txt").read_text() == "years of work"


def test_a_run_that_is_being_written_stays(flakeproof: Flakeproof, project: Path, environment: dict[str, str]) -> None:
    """Others remove nothing from under a running run, and it ends as if nothing had been tried."""
    running = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "run", "targets:waits", "-c", "2", "--grace", "100ms"],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with running:
        assert running.stderr is not None
        assert "targets:waits" in running.stderr.readline()

        ended = flakeproof("clean")
        os.kill(running.pid, signal.SIGINT)
        output, _ = running.communicate(timeout=60)

    assert "left alone, still being written: .flakeproof/runs/" in ended.stdout
    assert running.returncode == 130
    assert "No test has run" in output
    assert (project / ".flakeproof" / "latest" / "events.jsonl").exists()


def test_what_cannot_be_removed_is_not_said_to_be(
    flakeproof: Flakeproof, project: Path, environment: dict[str, str]
) -> None:
    """The others are counted, this one is named, and the exit status tells."""
    for _ in range(3):
        flakeproof("run", "targets:passes", "-c", "2")
    oldest = min((project / ".flakeproof" / "runs").iterdir())
    held = f"mount --bind {oldest} {oldest} && mount -o remount,ro,bind {oldest}"
    own_mounts = ["unshare", "--mount", "sh", "-c"]
    if subprocess.run([*own_mounts, held], capture_output=True, check=False).returncode:
        pytest.skip("a mount of our own is not permitted here")
    words = f"{held} && {sys.executable} -m flakeproof clean"
    ended = subprocess.run(
        [*own_mounts, words], cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 3, ended.stderr
    assert "cannot all be removed: Read-only file system" in ended.stderr
    assert "2 runs removed" in ended.stdout
    assert oldest.name not in ended.stdout
    assert [oldest] == list((project / ".flakeproof" / "runs").iterdir())


@pytest.mark.long
def test_runs_beyond_the_retention_are_pruned(flakeproof: Flakeproof, project: Path) -> None:
    """The newest stay; the setting comes from the project."""
    (project / "pyproject.toml").write_text("[tool.flakeproof]\nkeep-runs = 2\n")

    for _ in range(4):
        flakeproof("run", "targets:passes", "-c", "2")

    assert len(list((project / ".flakeproof" / "runs").iterdir())) == 2


@pytest.mark.long
def test_two_runs_at_once_do_not_collide(flakeproof: Flakeproof, project: Path, environment: dict[str, str]) -> None:
    """Each has its own record; `latest` is one of them."""
    command = [sys.executable, "-m", "flakeproof", "run", "targets:passes", "-c", "50"]
    started = [
        subprocess.Popen(command, cwd=project, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(4)
    ]

    assert [process.wait(timeout=60) for process in started] == [0] * 4
    runs = list((project / ".flakeproof" / "runs").iterdir())
    assert len(runs) == 4
    assert (project / ".flakeproof" / "latest").resolve() in runs


@pytest.mark.parametrize(
    ("target", "count", "filled", "code"),
    [("targets:passes", "100", True, 2), ("targets:fails", "20000", False, 1)],
    ids=["full before the run", "full during the run"],
)
def test_a_full_disk(
    project: Path, environment: dict[str, str], target: str, count: str, filled: bool, code: int
) -> None:
    """Full before: nothing runs, and that is said. Full during: a warning, and the run and verdict as without."""
    (project / "full").mkdir()
    own_mounts = ["unshare", "--mount", "sh", "-c"]
    mount = "mount -t tmpfs -o size=256k flakeproof-test full"
    if subprocess.run([*own_mounts, mount], cwd=project, capture_output=True, check=False).returncode:
        pytest.skip("a mount of our own is not permitted here")
    fill = "head -c 250k /dev/zero > full/filler; " if filled else ""
    command = f"{sys.executable} -m flakeproof run {target} -c {count} -w 1 --store full/store"

    ended = subprocess.run(
        [*own_mounts, f"{mount} && {fill}{command}"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == code, ended.stderr
    assert "No space left on device" in ended.stderr
    assert "Traceback" not in ended.stderr
    if filled:
        assert "--store DIR" in ended.stderr
    else:
        assert ended.stderr.count("warning: the log ") == 1
        assert f"Total tests: {count}\n" in ended.stdout
