"""The worker runs in whatever interpreter has the user's code."""

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.engine.conftest import ASYNC, SYNC, Lane, Runner

OTHERS = {name: Path.home() / ".pyenv/versions" / name / "bin/python" for name in ("3.12.1", "3.13.0")}


def write_target(folder: Path) -> None:
    """A module that needs nothing but the standard library."""
    (folder / "plain.py").write_text(
        "import asyncio, os, sys, time\n"
        "def act(number):\n"
        "    if number == 3: raise ValueError(sys.version_info[:2])\n"
        "    if number == 4: os._exit(9)\n"
        "def sync():\n"
        "    from flakeproof_worker.current import current_trial\n"
        "    act(current_trial().number)\n"
        "    if current_trial().number == 5: time.sleep(1000)\n"
        "async def a_sync():\n"
        "    from flakeproof_worker.current import current_trial\n"
        "    await asyncio.sleep(0)\n"
        "    act(current_trial().number)\n"
        "    if current_trial().number == 5: await asyncio.Event().wait()\n"
    )


@pytest.mark.long
@pytest.mark.parametrize(
    ("lane", "version"),
    list(zip([*SYNC, *ASYNC], itertools.cycle(OTHERS), strict=False)),
    ids=[lane.name for lane in [*SYNC, *ASYNC]],
)
def test_other_versions_run_every_lane(lane: Lane, version: str, run: Runner, tmp_path: Path) -> None:
    """Failures, crashes and time limits come out the same in every lane, in one of the other versions of Python."""
    interpreter = str(OTHERS[version])
    if not OTHERS[version].exists():
        pytest.skip(f"there is no {interpreter}")
    write_target(tmp_path)
    seen = run(f"plain:{lane.prefix}sync", lane, folder=tmp_path, python=interpreter, count=8, timeout=2)
    assert seen.trials("failed") == [3]
    assert 4 in seen.trials("crashed")
    assert seen.trials("timed out") == [5]
    major, minor = version.split(".")[:2]
    (failed,) = (failure for failure in seen.failures if failure.trial == 3)
    assert failed.message == f"ValueError: ({major}, {minor})"


def test_an_empty_environment_is_enough(run: Runner, tmp_path: Path) -> None:
    """The worker needs nothing installed beside the interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    write_target(tmp_path)
    seen = run("plain:sync", folder=tmp_path, python=str(tmp_path / "venv/bin/python"), count=2, workers=1)
    assert seen.summary.outcomes == {"passed": 2}


@pytest.mark.parametrize("isolation", ["shared", "fork", "fresh"])
def test_flakeproof_can_be_imported_where_it_is_not_installed(run: Runner, tmp_path: Path, isolation: str) -> None:
    """What the docs give to tests is there, with nothing but the standard library around it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    (tmp_path / "asks.py").write_text(
        "from flakeproof import current_trial\n"
        "import flakeproof.net\n"
        "def trial(): raise ValueError(current_trial().number, flakeproof.net.TCPServer.__name__)\n"
    )
    python = str(tmp_path / "venv/bin/python")
    seen = run("asks:trial", folder=tmp_path, python=python, count=2, workers=1, isolation=isolation)

    assert sorted(failure.message for failure in seen.failures) == [f"ValueError: ({n}, 'TCPServer')" for n in (1, 2)]


def test_a_package_of_the_users_with_our_name_is_not_hidden(run: Runner, tmp_path: Path) -> None:
    """Nobody has to call it otherwise."""
    (tmp_path / "flakeproof.py").write_text("mine = 7\n")
    (tmp_path / "asks.py").write_text("import flakeproof\ndef trial(): assert flakeproof.mine == 7\n")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)

    python = str(tmp_path / "venv/bin/python")
    assert run("asks:trial", folder=tmp_path, python=python, count=2, workers=1).summary.passed == 2
