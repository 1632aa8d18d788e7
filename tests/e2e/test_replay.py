"""`flakeproof replay`: one test of an earlier run again."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]


def _message(ended: subprocess.CompletedProcess[str], trial: int) -> str:
    found = re.search(rf"^FAILURE #\d+ on (?:test|pass) {trial}: (.*)$", ended.stdout, re.MULTILINE)
    assert found is not None, ended.stdout
    return found[1]


def test_a_replay_has_the_seed_and_shows_everything(flakeproof: Flakeproof, project: Path) -> None:
    """The same trial seed, the traceback with source lines, the output; and again from the same place."""
    first = flakeproof("run", "targets:tells_its_seed", "-c", "5", "--isolation", "fork", "-v")
    run_id = (project / ".flakeproof" / "latest").readlink().name

    for name in ("latest", run_id[:-1], f".flakeproof/runs/{run_id}"):
        again = flakeproof("replay", name, "4")
        assert again.returncode == 1, again.stderr
        assert _message(first, 4) == _message(again, 4)
        assert 'raise ValueError(f"seed {current_trial().seed} random {random.random()}")' in again.stdout
        assert again.stdout.endswith("Test 4 failed again, in the same way\n")
        assert f"Test 4 of run {run_id} again" in again.stderr
    assert run_id == (project / ".flakeproof" / "latest").readlink().name


def test_a_replay_shows_the_output(flakeproof: Flakeproof) -> None:
    """What the test wrote comes with its traceback; a test that passed says so."""
    flakeproof("run", "targets:fails_at_17", "-c", "40", "-w", "1")

    failed, passed = flakeproof("replay", "latest", "17"), flakeproof("replay", "latest", "18", "--json", "-")

    assert "Output of the test:\nseen before the end\n" in failed.stdout
    document = json.loads(passed.stdout)
    assert (passed.returncode, document["total"], document["failed"]) == (0, 1, 0)
    assert passed.stderr.endswith("Test 18 passed\n")


def test_the_printed_command_is_true(flakeproof: Flakeproof, project: Path) -> None:
    """What is printed after `again:` names the run, and works as it stands, with a store elsewhere too."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", "--store", "some where/else")

    command = re.search(r"again: (.*)", ended.stdout)
    assert command is not None
    again = subprocess.run(
        ["bash", "-c", command[1]], cwd=project, capture_output=True, text=True, timeout=60, check=False
    )
    assert again.returncode == 1, again.stderr
    assert "ValueError: seventeen" in again.stdout


@pytest.mark.long
def test_a_replay_starts_with_the_process_of_the_failure(flakeproof: Flakeproof, project: Path) -> None:
    """Its number decides about the hash seed, so it is part of what is repeated."""
    flakeproof("run", "targets:dies", "-c", "4", "-w", "1")
    latest = project / ".flakeproof" / "latest"
    events = [json.loads(line) for line in (latest / "events.jsonl").read_text().splitlines()]
    process = next(
        e["failure"]["process"] for e in events if e["event"] == "trial-failed" and e["failure"]["trial"] == 3
    )

    flakeproof("replay", "latest", "3")

    replayed = max((project / ".flakeproof" / "runs").iterdir())
    assert process > 0
    assert process == json.loads((replayed / "spec.json").read_text())["first_process"]


def test_a_replay_has_the_hash_seed_of_the_failure(flakeproof: Flakeproof) -> None:
    """Order in sets and dictionaries of strings is the same again."""
    first = flakeproof("run", "targets:tells_hash_order", "-c", "3", "-w", "1", "-v")

    # The first test has ended its process, so the others ran in the second one.
    assert _message(first, 3) == _message(flakeproof("replay", "latest", "3"), 3)


@pytest.mark.long
def test_what_cannot_be_replayed_is_named(flakeproof: Flakeproof) -> None:
    """A wrong run or test is a usage error that names the right ones."""
    flakeproof("run", "targets:passes", "-c", "40")

    for name, trial, message in (
        ("latest", "41", "its tests are 1 to 40"),
        ("latest", "x", "is not a whole number"),
        ("absent", "1", "is not known"),
    ):
        ended = flakeproof("replay", name, trial)
        assert ended.returncode == 2
        assert message in ended.stderr


_SURROUNDED = """
import os, random

def tells():
    hashed = os.environ["PYTHONHASHSEED"], hash("a")
    raise AssertionError(f"{os.environ['TZ']} {os.environ['LC_ALL']} {hashed} {random.random()}")
"""


@pytest.mark.long
def test_a_replay_has_the_surroundings_of_the_test(flakeproof: Flakeproof, project: Path) -> None:
    """Zone, locale, hash seed, and random numbers, drawn for a function or for a command."""
    (project / "surrounded.py").write_text(_SURROUNDED)
    drawn = ["--timezone", "random", "--locale", "random", "--hash-seed", "random"]
    command = ["--", "sh", "-c", "echo $TZ $LC_ALL $PYTHONHASHSEED; exit 1"]
    for words in (
        ["surrounded:tells", *drawn, "--random-seed", "each"],
        ["surrounded:tells", *drawn, "--isolation", "fork", "--network", "none"],
        [*drawn, *command],
    ):
        first = flakeproof("run", "-v", "-c", "4", "-w", "2", "--seed", "5", *words)
        assert len({_message(first, trial) for trial in range(1, 5)}) == 4
        for trial in (1, 4):
            assert _message(first, trial) == _message(flakeproof("replay", "latest", str(trial)), trial)


@pytest.mark.long
def test_a_replay_has_the_order_of_the_test(flakeproof: Flakeproof, project: Path) -> None:
    """Reversed, it fails as it did."""
    lines = ["seen = []", "def test_a(): assert seen == [], f'{seen}'", "def test_b(): seen.append('b')"]
    (project / "test_order.py").write_text("\n".join(lines))
    first = flakeproof("run", "test_order.py", "-c", "2", "-w", "1", "--reverse", "-v")

    assert "['b']" in _message(first, 2)
    assert _message(first, 2) == _message(flakeproof("replay", "latest", "2"), 2)


@pytest.mark.long
def test_a_replay_with_another_interpreter(flakeproof: Flakeproof, project: Path) -> None:
    """The one that is asked for runs the test, and is named; a command has none."""
    (project / "which.py").write_text("import sys\ndef told(): raise ValueError(sys.executable)\n")
    other = project / "other" / "bin" / "python"
    other.parent.mkdir(parents=True)
    other.symlink_to(sys.executable)
    flakeproof("run", "which:told", "-c", "2")
    again = flakeproof("replay", "latest", "1", "--python", "other/bin/python")
    assert again.returncode == 1, again.stderr
    assert _message(again, 1) == f"ValueError: {other}"
    assert "Python other/bin/python (--python)" in again.stderr
    nowhere = flakeproof("replay", "latest", "1", "--python", "nowhere/python")
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert "--python nowhere/python: no such program" in nowhere.stderr
    flakeproof("run", "-c", "1", "--", "false")
    command = flakeproof("replay", "latest", "1", "--python", str(other))
    assert command.returncode == 2
    assert "--python is for Python functions and tests, and this run is of a command" in command.stderr
