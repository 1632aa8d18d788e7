"""Runs of before: they are listed, told again from their record, and go on where they were killed."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long

COUNTING = """
import os, time
from flakeproof import current_trial

def counts():
    number = current_trial().number
    descriptor = os.open(os.environ["RAN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{number}\\n".encode())
    os.close(descriptor)
    if number == int(os.environ.get("KILLS", "0")):
        time.sleep(float(os.environ.get("FIRST", "0")))
        os.kill(int(os.environ["COORDINATOR"]), int(os.environ["SIGNAL"]))
        time.sleep(60)
    time.sleep(0.01)
    assert number % 10, "every tenth"
"""


@pytest.fixture
def counting(project: Path, environment: dict[str, str], tmp_path: Path) -> Path:
    """Write down which trials have run."""
    (project / "counting.py").write_text(COUNTING)
    environment["RAN"] = str(tmp_path / "ran")
    return tmp_path / "ran"


def ended_by(number: signal.Signals, project: Path, environment: dict[str, str], *options: str, at: int = 150) -> None:
    """A run of which trial `at` sends a signal to flakeproof itself."""
    code = "import os, sys; os.environ['COORDINATOR'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"
    words = [sys.executable, "-c", code, sys.executable, "-m", "flakeproof", "run", "counting:counts", "-c", "200"]
    signals = {"KILLS": str(at), "SIGNAL": str(int(number)), "FIRST": "0"}
    done = subprocess.run(
        [*words, "--seed", "7", "--grace", "100ms", *options],
        cwd=project,
        env={**environment, **signals},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == (-number if number == signal.SIGKILL else 130)


@mostly_long(
    "options",
    [
        ["-w", "1"],
        ["-w", "2", "--processes", "2"],
        ["-w", "4", "--processes", "2"],
        ["-w", "3", "--processes", "1", "--isolation", "fork"],
    ],
    first=1,
    ids=["inline", "inline twice", "threads", "forks"],
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_run_goes_on_where_it_ended(
    number: signal.Signals,
    options: list[str],
    flakeproof: Flakeproof,
    project: Path,
    environment: dict[str, str],
    counting: Path,
) -> None:
    """What has an outcome does not run again, the rest does, under its own number; the totals are those of one run."""
    ended_by(number, project, environment, *options)
    before = json.loads(flakeproof("report", "latest", "--json", "-").stdout)
    assert before["verdict"] == ("incomplete" if number == signal.SIGKILL else "flaky")
    counting.rename(project / "first")

    resumed = flakeproof("run", "--resume", "latest", "--json", "run.json")
    document = json.loads((project / "run.json").read_bytes())
    assert (document["outcomes"], document["total"]) == ({"passed": 180, "failed": 20}, 200)
    assert document["run_id"] == before["run_id"]
    assert (document["stopped"], document["verdict"], resumed.returncode) == (None, "flaky", 1)
    # Above are the trials that look into whether copies collide, which are no part of the plan.
    first, second = ([int(word) for word in path.read_text().split()] for path in (project / "first", counting))
    again = [trial for trial in second if trial < 1 << 40]
    assert len(again) == len(set(again)) == 200 - before["total"]
    assert {trial for trial in (*first, *again) if trial < 1 << 40} == {*range(1, 201)}

    told = json.loads(flakeproof("report", "latest", "--json", "-").stdout)
    assert {**told, "folder": ""} == {**document, "folder": ""}
    complete = flakeproof("run", "--resume", "latest")
    assert complete.returncode == 5
    assert "all of its 200 tests have run" in complete.stderr


def test_every_report_of_a_killed_run(
    flakeproof: Flakeproof, project: Path, environment: dict[str, str], counting: Path
) -> None:
    """From its record alone; they say that it is not complete, and so does the list of runs."""
    ended_by(signal.SIGKILL, project, environment, "-w", "2", "--processes", "1")
    told = flakeproof("report", "latest", "--json", "a.json", "--junit-xml", "a.xml", "--markdown", "a.md")
    document = json.loads((project / "a.json").read_bytes())
    assert told.returncode == document["exit_code"] == 1
    assert (document["verdict"], document["stopped"], document["planned"]) == ("incomplete", "killed", 200)
    assert f"Not complete: killed, after {document['total']} of 200 tests" in told.stdout
    properties = {each.get("name"): each.get("value") for each in parse(project / "a.xml").getroot()[0][0]}
    assert (properties["flakeproof.verdict"], properties["flakeproof.stopped"]) == ("incomplete", "killed")
    assert "is incomplete" in (project / "a.md").read_text()
    assert flakeproof("run", "targets:passes", "-c", "3").returncode == 0
    head, newest, oldest = flakeproof("runs").stdout.splitlines()
    assert head.split() == ["run", "when", "state", "verdict", "failed", "tests", "target"]
    assert newest.split()[3:] == ["complete", "stable", "0", "3", "targets:passes"]
    expected = ["killed", "incomplete", str(document["failed"]), f"{document['total']}/200", "counting:counts"]
    assert oldest.split()[3:] == expected
    assert flakeproof("runs", "-n", "1").stdout.splitlines()[1].split() == newest.split()


def test_what_cannot_go_on_says_why(flakeproof: Flakeproof, project: Path) -> None:
    """Other settings, a run that has ended as it was to, none at all."""
    assert flakeproof("runs").returncode == 5
    assert flakeproof("run", "--resume", "latest").returncode == 5
    flakeproof("run", "targets:fails", "-c", "9", "-x")
    stopped = flakeproof("run", "--resume", "latest")
    assert (stopped.returncode, "stopped after the first failure" in stopped.stderr) == (5, True)
    other = flakeproof("run", "--resume", "latest", "--seed", "3")
    assert (other.returncode, "seed is another one" in other.stderr) == (2, True)
    target = flakeproof("run", "targets:fails", "--resume", "latest")
    assert (target.returncode, "target is another one" in target.stderr) == (2, True)
