"""A recorded trial, in an interpreter of its own: what it reaches, holds, raises, waits for and interleaves."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.tools import other_python

import flakeproof_worker

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[2])
import subject
from flakeproof_worker.recording.start import recorder
focus = [[sys.argv[2] + "/subject.py", int(sys.argv[3])]]
with recorder({"folder": sys.argv[2], "focus": focus, "narrow": bool(sys.argv[4])}, [sys.argv[2]], 7):
    try:
        subject.main()
    except Exception:
        pass
"""
SUBJECT = """\
import threading, time

class Account:
    def __init__(self):
        self.balance = 0

    def deposit(self, gate, own):
        before = self.balance
        own.set()
        gate.wait(5)
        self.balance = before + 100

def swallow():
    try:
        {}["missing"]
    except KeyError:
        return False
    return True

def wait():
    time.sleep(0.02)

def main():
    tags = {"news", "weather"}
    done = swallow()
    wait()
    account, one, two = Account(), threading.Event(), threading.Event()
    pair = [threading.Thread(target=account.deposit, args=gates) for gates in ((one, two), (two, one))]
    for thread in pair:
        thread.start()
    for thread in pair:
        thread.join()
    if account.balance != 200:
        raise ValueError(tags, done)
"""
FAILING = SUBJECT.splitlines().index("    if account.balance != 200:") + 1


@pytest.fixture(params=["this one", pytest.param("another", marks=pytest.mark.long)])
def python(request: pytest.FixtureRequest) -> str:
    """Interpreters, one for each way to hear what runs: `sys.settrace` and `sys.monitoring`."""
    if request.param == "this one":
        return sys.executable
    ours = sys.version_info >= (3, 12)
    return other_python(lambda version: (version >= (3, 12)) != ours and version >= (3, 11))


def record(python: str, folder: Path, *, narrow: bool = False) -> dict[str, Any]:
    """What was recorded of the subject."""
    (folder / "subject.py").write_text(SUBJECT)
    root = str(Path(flakeproof_worker.__file__).parent.parent)
    words = [python, "-c", PROGRAM, root, str(folder), str(FAILING), "narrow" * narrow]
    subprocess.run(words, check=True, capture_output=True)
    found: dict[str, Any] = json.loads((folder / "7.json").read_bytes())
    return found


def line(text: str) -> int:
    """The number of a line of the subject."""
    return next(number for number, own in enumerate(SUBJECT.splitlines(), 1) if text in own)


def test_a_trial_is_recorded(python: str, tmp_path: Path) -> None:
    """Lines with their functions, durations, values, results, exceptions that were swallowed, threads that meet."""
    seen = record(python, tmp_path)
    lines = {row[1]: row for row in seen["lines"]}
    assert lines[line("self.balance = before")][2] == "Account.deposit"
    assert lines[line("self.balance = before")][5] == 2  # times
    assert line("return True") not in lines
    assert lines[line("time.sleep")][6] >= 20e6  # nanoseconds
    values = {(row[1], row[2]): row for row in seen["values"]}
    assert values[line("def swallow"), "the result of swallow"][6] is False
    assert values[FAILING, "account.balance"][7] == 100
    assert values[line("self.balance = before"), "before"][10] == 1  # both read the same
    assert values[FAILING, "len(tags)"][6] == 2
    assert set(values[FAILING, "the order of tags"][6].split(", ")) == {"'news'", "'weather'"}
    assert [line('{}["missing"]'), "KeyError", "swallow"] in [row[1:4] for row in seen["raised"]]
    meetings = {(row[1], row[3]) for row in seen["interruptions"]}
    assert (line("gate.wait"), line("self.balance = before")) in meetings
    assert seen["units"] == 3


def test_what_is_not_the_projects_own_is_left_out(python: str, tmp_path: Path) -> None:
    """Nothing of the standard library, which runs in the trial as well."""
    assert {Path(row[0]).name for row in record(python, tmp_path)["lines"]} == {"subject.py"}


def test_no_more_than_what_fails(python: str, tmp_path: Path) -> None:
    """Where that is asked for: other functions run as if nobody looked."""
    seen = record(python, tmp_path, narrow=True)
    assert {row[2] for row in seen["lines"]} == {"main"}
    assert (FAILING, "account.balance") in {(row[1], row[2]) for row in seen["values"]}
