"""`flakeproof amplify`, as a user runs it: on a race that hardly ever shows, and on what cannot fail."""

import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.conftest import Flakeproof
from tests.e2e.enough_time import with_enough_time

PLANTED = Path(__file__).parent.parent / "planted" / "python_delays"
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "amplification.schema.json"
_RACE = ("amplify", "account:racy", "--only", "delay,gc", "--seed", "5", "--json", "found.json")


@pytest.fixture(autouse=True)
def race(project: Path) -> None:
    """A race of two threads, and its twin with a lock."""
    shutil.copy(PLANTED / "account.py", project)


@pytest.mark.long
def test_a_race(flakeproof: Flakeproof, project: Path) -> None:
    """It is made to fail, what does it is named, the command does what it says, and the preset has it saved."""
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(project / "job.md")}

    def ask(budget: str) -> subprocess.CompletedProcess[str]:
        (project / "pyproject.toml").write_text("[tool.flakeproof]\nworkers = 1\n")
        (project / "job.md").unlink(missing_ok=True)
        return flakeproof(*_RACE, "--budget", budget, "--save-preset", "often", "--markdown", "found.md", env=job)

    def is_enough(ended: subprocess.CompletedProcess[str]) -> bool:
        found = json.loads((project / "found.json").read_bytes())
        best, plain, line = found["found"]["best"], found["found"]["plain"], found["line"]
        is_often = best is not None and best["rate"]["low"] > 10 * plain["high"]
        return is_often and line is not None and bool(line["lines"])

    ended = with_enough_time(ask, is_enough)
    found = json.loads((project / "found.json").read_bytes())

    jsonschema.validate(found, json.loads(SCHEMA.read_bytes()))
    assert ended.returncode == 1, ended.stderr
    assert "delay" in dict(found["found"]["best"]["setting"]["levels"])
    assert next(effect["factor"] for effect in found["found"]["effects"] if effect["kind"] == "raises") == "delay"
    rate = found["found"]["best"]["rate"]
    assert rate["low"] > 10 * found["found"]["plain"]["high"]
    assert found["line"]["lines"][0]["line"] == _line_of("# RACE\n")
    assert found["command"] in (project / "found.md").read_text()
    assert (project / "job.md").read_text() == (project / "found.md").read_text() + "\n"
    assert f"Reproduce: {found['command']}" in ended.stderr + ended.stdout

    for words in (shlex.split(found["command"])[1:], ["run", "account:racy", "--preset", "often", "-c", "200"]):
        again = flakeproof(*words, "--json", "again.json")
        summary = json.loads((project / "again.json").read_bytes())
        assert again.returncode == 1
        assert summary["failed"] / summary["total"] > rate["low"] / 3


def _line_of(mark: str) -> int:
    lines = (PLANTED / "account.py").read_text().splitlines(keepends=True)
    return next(number for number, line in enumerate(lines, 1) if line.endswith(mark))


@pytest.mark.long
def test_the_flake_of_the_original_kit(flakeproof: Flakeproof, project: Path) -> None:
    """From a rate of 1 to 2 % to one above 10 %, whichever of its errors the guard of the leaky server brings about."""
    only = ("--only", "settle,workers,race,gc,noise", "--seed", "5")

    def ask(budget: str) -> dict[str, Any]:
        ended = flakeproof("amplify", "tcprtt", "--server", "leaky", *only, "--budget", budget, "--json", "found.json")
        found: dict[str, Any] = json.loads((project / "found.json").read_bytes())["found"]
        assert ended.returncode == (found["best"] is not None), ended.stderr
        return found

    found = with_enough_time(ask, lambda found: found["best"] and found["best"]["rate"]["low"] > 0.1)
    assert found["source"] == "given"
    assert found["plain"]["high"] < 0.1 < found["best"]["rate"]["low"]


@pytest.mark.long
def test_nothing_to_find(flakeproof: Flakeproof, project: Path) -> None:
    """It is said how rare a failure can still be, and there is no command."""
    ended = flakeproof("amplify", "account:fixed", "--only", "delay,gc,race", "--budget", "6s", "--json", "found.json")
    found = json.loads((project / "found.json").read_bytes())

    jsonschema.validate(found, json.loads(SCHEMA.read_bytes()))
    assert (ended.returncode, found["found"]["best"], found["command"]) == (0, None, "")
    assert re.search(
        r"Nothing was seen to raise the rate: no failure in [\d,]+ tests .*below", ended.stderr + ended.stdout
    )
    assert not (project / ".flakeproof").exists() or not list((project / ".flakeproof" / "runs").iterdir())


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["account:racy", "--only", "rase"], 2, "--only rase is nothing that can be tried"),
        (["account:racy", "--try", "race"], 2, "--try 'race' names no values"),
        (["account:racy", "--try", "gc=0", "--only", "gc"], 2, "--gc: 0 is not between"),
        (["account:racy", "--race", "--only", "race"], 2, "there is nothing to try"),
        (["account:racy", "--budget", "1s"], 2, "--budget 1s is too short"),
        (["account:racy", "--error", "2"], 2, "--error"),
        (["account:racy", "--save-preset", "ci"], 2, "there is such a preset already"),
        (["account:nobody"], 2, "nobody"),
        (["test_nowhere.py"], 2, "test_nowhere.py"),
        (["--", "no-such-program"], 3, "no-such-program"),
    ],
)
def test_bad_input(flakeproof: Flakeproof, project: Path, words: list[str], code: int, named: str) -> None:
    """Is named, and nothing is left behind."""
    before = sorted(project.rglob("*.py"))
    ended = flakeproof("amplify", *words, "--json", "found.json")

    assert ended.returncode == code, ended.stderr
    assert named in ended.stderr
    assert not (project / "found.json").exists()
    assert sorted(project.rglob("*.py")) == before


@pytest.mark.long
def test_an_interrupt(project: Path) -> None:
    """Ends it at once; what was run by then is in the report."""
    with subprocess.Popen(
        [sys.executable, "-m", "flakeproof", *_RACE, "--budget", "30s"],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "unperturbed, " in line:
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()

    assert process.returncode == 130
    assert "interrupted" in rest
    found = json.loads((project / "found.json").read_bytes())
    assert (found["stopped"], found["found"]["best"], found["exit_code"]) == ("interrupted", None, 130)
    assert found["batches"]
