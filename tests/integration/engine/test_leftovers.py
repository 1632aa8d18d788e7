"""Nothing is left running after a run, however it ends."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tests.integration.engine.conftest import TARGETS, Children, Lane, Runner

import flakeproof

SHARED = Lane("inline", "", {"workers": 2, "processes": 2})
FORK = Lane("forks", "", {"workers": 2, "processes": 1, "isolation": "fork"})


def marked(mark: str) -> list[psutil.Process]:
    """Living processes that carry `mark` in their arguments or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and (
                mark in process.cmdline() or process.environ().get("LEAVING_MARK") == mark
            ):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != psutil.Process().pid]


@pytest.fixture
def mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A text that no other process has."""
    monkeypatch.setenv("LEAVING_MARK", str(tmp_path))
    return str(tmp_path)


@pytest.mark.parametrize("lane", [SHARED, FORK], ids=lambda lane: lane.name)
@pytest.mark.parametrize("target", ["child", "session", "daemon"])
def test_descendants_are_killed(target: str, lane: Lane, run: Runner, mark: str) -> None:
    """Children that trials leave behind end with the run, also daemons that have cut every tie."""
    seen = run(f"leaving:{target}", lane, count=6)
    assert seen.summary.outcomes == {"passed": 6}
    assert marked(mark) == []


def test_a_trial_that_hangs_in_a_child_leaves_nothing(run: Runner, mark: str) -> None:
    """The time limit ends what the trial waits for, too."""
    seen = run("leaving:waiting", SHARED, count=2, timeout=0.3)
    assert seen.summary.outcomes == {"timed out": 2}
    assert marked(mark) == []


def test_other_children_of_the_program_are_left_alone(run: Runner, mark: str) -> None:
    """A program that calls flakeproof keeps its own child processes, and their exit status."""
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit(7)"], stdin=-1) as own:
        run("leaving:child", SHARED, count=2)
        assert own.poll() is None
        own.communicate(b"")
        assert own.returncode == 7


def test_runs_beside_each_other(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends in one thread does not end the processes of another run in the same program."""
    monkeypatch.chdir(TARGETS)
    with ThreadPoolExecutor() as pool:
        long = pool.submit(flakeproof.run, "faults:napping", workers=1, count=500, store=f"{mark}/long")
        short = [flakeproof.run("faults:passing", workers=1, count=5, store=f"{mark}/{n}") for n in range(3)]
    assert [summary.outcomes for summary in short] == [{"passed": 5}] * 3
    assert long.result().outcomes == {"passed": 500}


@pytest.mark.long
def test_orphans_are_reaped_while_the_run_goes_on(run: Runner, mark: str, children: Children) -> None:
    """Adopted processes that have ended do not pile up as zombies during a run."""
    most = 0

    def look(event: object) -> None:
        nonlocal most
        most = max(most, sum(child.status() == psutil.STATUS_ZOMBIE for child in children() if child.is_running()))

    seen = run("leaving:orphan", workers=1, duration=3, listen=look)
    assert seen.summary.passed > 1.5 * most
    assert children() == []


@pytest.mark.parametrize("lane", [SHARED, FORK], ids=lambda lane: lane.name)
def test_the_death_of_the_coordinator_ends_every_worker(lane: Lane, mark: str, tmp_path: Path) -> None:
    """When flakeproof itself is killed, its worker processes and their forks die with it."""
    options = [f"--{name}={value}" for name, value in lane.options.items()]
    coordinator = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "run", "leaving:slow", "--duration=60", f"--store={tmp_path}", *options],
        cwd=TARGETS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    assert coordinator.stdout is not None
    with coordinator.stdout:
        for line in coordinator.stdout:
            if b"FAILURE #1" in line:
                break
        workers = psutil.Process(coordinator.pid).children(recursive=True)
        assert workers
        coordinator.kill()
        coordinator.wait()
    _, alive = psutil.wait_procs(workers, timeout=20)
    assert alive == []
    assert marked(mark) == []


def test_temporary_files_of_a_killed_run_go_with_the_next(tmp_path: Path) -> None:
    """A run that is killed can remove nothing; the next one does, and leaves alone what another one is using."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary), "CI": "1"}

    def start(command: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "flakeproof", "run", "-c", "1", "--store", str(tmp_path / "store"), "--"]
        return subprocess.Popen(
            [*words, "sh", "-c", command], env=environment, cwd=tmp_path, stdin=-1, stdout=-1, stderr=-1, text=True
        )

    def folders() -> set[Path]:
        return set(temporary.glob("flakeproof-*"))

    wait = "touch $TMPDIR/file; echo started > {0}; read line < {0}"
    with ThreadPoolExecutor() as pool:
        pipes = [tmp_path / name for name in ("first", "second")]
        runs = []
        for pipe in pipes:
            os.mkfifo(pipe)
            runs.append(start(wait.format(pipe)))
            assert pool.submit(pipe.read_text).result(timeout=30) == "started\n"
        first, second = runs
        assert len(folders()) == 2
        first.kill()
        first.communicate()
        assert len(folders()) == 2
        before = folders()
        third = start("true")
        third.communicate(timeout=30)
        assert third.returncode == 0
        (left,) = folders()
        assert left in before
        pipes[1].write_text("go on\n")
        second.communicate(timeout=30)
        assert second.returncode == 0
    assert folders() == set()
