"""`flakeproof bisect`, as a user runs it: in a git repository with a history."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import needed

NODE = "tests/test_stock.py::test_sold"
PROGRAM = ("--", "sh", "run.sh")
PASSES = "true\n"
FLAKY = "test $((FLAKEPROOF_SEED % 3)) != 0\n"
"""The seed of a test decides, so that a search that is begun again sees the same."""
RACE = """
import threading

class Stock:
    def __init__(self):
        self.sold = 0
        self.lock = threading.Lock()

    def sell(self):
{sell}

def pause():
    for _ in range(300):
        pass
"""
LOCKED = """
        with self.lock:
            sold = self.sold
            pause()
            self.sold = sold + 1
"""
UNLOCKED = """
        sold = self.sold
        pause()
        self.sold = sold + 1
"""
RACING = """
import sys, threading
from stock import Stock

def test_sold():
    sys.setswitchinterval(3e-5)
    stock = Stock()
    start = threading.Barrier(3)

    def sell():
        start.wait()
        for _ in range(2):
            stock.sell()

    threads = [threading.Thread(target=sell) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stock.sold == 6
"""


def git(folder: Path, *words: str) -> str:
    """What git prints, away from the settings of whoever runs the tests."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *who, *words], cwd=folder, env=settings, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, message: str, program: str | None = None) -> str:
    """Write the program, commit all that is there; the commit."""
    if program is not None:
        (folder / "run.sh").write_text(program)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def changes(folder: Path, count: int) -> None:
    """So many commits that change nothing of it."""
    for number in range(count):
        commit(folder, f"Change {number}")


def clean(folder: Path) -> bool:
    """Whether nothing is left in the repository."""
    return len(git(folder, "worktree", "list").splitlines()) == 1 and not (folder / ".git" / "worktrees").exists()


@pytest.fixture
def history(project: Path, environment: dict[str, str]) -> Path:
    """A repository with one commit, whose program passes."""
    needed("git")
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    (project / ".gitignore").write_text(".flakeproof/\n__pycache__/\n.pytest_cache/\n*.json\n")
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project, "Begin", PASSES)
    return project


def test_the_commit_is_found_behind_a_merge(flakeproof: Flakeproof, history: Path) -> None:
    """On a branch that was merged, beside a commit that cannot be tested; confirmed, told in all reports, and again."""
    changes(history, 3)
    git(history, "switch", "--quiet", "--create", "side")
    culprit = commit(history, "Sell without a lock", FLAKY)
    commit(history, "Broken", "exit 125\n")
    commit(history, "No longer broken", FLAKY)
    git(history, "switch", "--quiet", "main")
    (history / "more").touch()
    commit(history, "Elsewhere")
    git(history, "merge", "--quiet", "--no-edit", "side")
    commit(history, "After it")
    (history / "run.sh").write_text("false\n")
    words = ("--good", "HEAD~5", "--bad", "HEAD", "--seed", "5", "--log", "--json", "out.json", "--markdown", "out.md")
    done = flakeproof("bisect", *words, *PROGRAM)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((history / "out.json").read_text())
    assert (found["answer"], [one["commit"] for one in found["culprits"]]) == ("found", [culprit])
    assert "what is not committed in the working tree is not looked at" in done.stderr
    assert "next: [8 of 8]" in done.stderr
    answer = f"sh run.sh is flaky since {culprit[:12]} Sell without a lock (error at most 1%; confirmed)"
    assert answer in done.stdout
    assert f"Show: git show {culprit[:12]}" in done.stdout
    assert answer.partition(" (")[0] in (history / "out.md").read_text().replace("\\", "")
    assert clean(history)
    again = flakeproof("bisect", "--replay", "latest", "--json", "again.json", *PROGRAM)
    assert (again.returncode, "another version" in again.stderr) == (1, False), again.stderr
    assert json.loads((history / "again.json").read_text()) == found


@pytest.mark.long
def test_a_race_of_threads_is_found_and_confirmed(flakeproof: Flakeproof, history: Path) -> None:
    """A real race that fails in some of a hundred tests, among 60 commits."""
    (history / "tests").mkdir()
    (history / "conftest.py").touch()
    (history / NODE.partition("::")[0]).write_text(RACING)
    (history / "stock.py").write_text(RACE.format(sell=LOCKED))
    commit(history, "Race")
    changes(history, 35)
    (history / "stock.py").write_text(RACE.format(sell=UNLOCKED))
    culprit = commit(history, "Sell without waiting")
    changes(history, 24)
    done = flakeproof("bisect", NODE, "--good", "HEAD~60", "--bad", "HEAD", "--json", "out.json", limit=600)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((history / "out.json").read_text())
    assert ([one["commit"] for one in found["culprits"]], found["confirmed"]) == ([culprit], True)
    assert "Confirmed in turns: with" in done.stdout
    assert clean(history)


SLOW = """import time

def sold():
    started = time.monotonic()
    counted = sum(range(10))
    return time.monotonic() - started
"""


@pytest.mark.long
def test_a_pause_follows_its_line(flakeproof: Flakeproof, history: Path) -> None:
    """Through a file that was renamed and lines that came before it; where the line is not there it is left out."""
    (history / "tests").mkdir()
    (history / "conftest.py").write_text("try: import store\nexcept ImportError: import shop as store\n")
    test = history / "tests" / "test_shop.py"
    test.write_text("from conftest import store\n\ndef test_sold(): store.sold()\n")
    (history / "shop.py").write_text(SLOW.replace("    counted = sum(range(10))\n", ""))
    good = commit(history, "Sell nothing")
    (history / "shop.py").write_text(SLOW)
    test.write_text("from conftest import store\n\ndef test_sold(): assert store.sold() < 0.01\n")
    culprit = commit(history, "Sell within 10 ms")
    git(history, "mv", "shop.py", "store.py")
    commit(history, "Call it a store")
    (history / "store.py").write_text("RATE = 7\nNAME = 'store'\n" + SLOW)
    commit(history, "Have a rate")
    line = (2 + SLOW[: SLOW.index("counted")].count("\n")) + 1
    words = ("--good", good, "--bad", "HEAD", "--delay", f"store.py:{line}:15ms", "--rate", "20%")
    done = flakeproof("bisect", "tests/test_shop.py", *words, "--seed", "1", "--json", "out.json")
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((history / "out.json").read_text())
    assert ([one["commit"] for one in found["culprits"]], found["skipped"]) == ([culprit], [])
    assert f"--delay store.py:{line}:15ms: that line is not in commit {good[:12]}" in done.stderr


@pytest.mark.long
def test_a_commit_that_always_fails_otherwise_is_skipped(flakeproof: Flakeproof, history: Path) -> None:
    """No test of it says anything of what is looked for, so it is tried no longer, and the answer says so."""
    changes(history, 1)
    other = commit(history, "Broken", "echo 'Error: broken'; exit 3\n")
    culprit = commit(history, "Flaky", "test $((FLAKEPROOF_SEED % 3)) != 0 || { echo 'Error: flaky'; exit 1; }\n")
    words = ("--good", "HEAD~3", "--bad", "HEAD", "--seed", "5", "--json", "out.json")
    done = flakeproof("bisect", *words, *PROGRAM)
    found = json.loads((history / "out.json").read_text())
    assert {one["commit"] for one in found["culprits"]} == {other, culprit}, done.stderr
    assert [one["commit"] for one in found["skipped"]] == [other]
    assert "every test fails there in another way" in found["skipped"][0]["reason"]


@pytest.mark.long
def test_what_mended_it(flakeproof: Flakeproof, history: Path) -> None:
    """With --fixed, and a command that is built; exit status 125 skips."""
    program = f'test ! -e untestable || exit 125; test "$(cat built)" = mended || {FLAKY}'
    (history / "state").write_text("broken")
    first = commit(history, "With a program", program)
    changes(history, 2)
    (history / "untestable").touch()
    commit(history, "Untestable")
    (history / "untestable").unlink()
    (history / "state").write_text("mended")
    culprit = commit(history, "Mend it")
    changes(history, 2)
    words = ("--good", first, "--bad", "HEAD", "--fixed", "--build", "cp state built", "--json", "out.json")
    done = flakeproof("bisect", *words, "--seed", "1", *PROGRAM)
    assert done.returncode == 1, done.stdout + done.stderr
    found = json.loads((history / "out.json").read_text())
    named = [one["commit"] for one in found["culprits"]]
    assert culprit in named
    assert found["answer"] == ("found" if len(named) == 1 else "one of several")
    assert len(named) <= 2
    skipped = [one["reason"] for one in found["skipped"]]
    assert set(skipped) <= {"exit status 125: it cannot be tested"}
    assert clean(history)


@pytest.mark.long
def test_what_is_no_question_is_said(flakeproof: Flakeproof, history: Path) -> None:
    """Unknown, equal and swapped revisions, a cut history, a build that never works: what it is, and what to do."""
    changes(history, 3)
    git(history, "clone", "--quiet", "--depth", "2", f"file://{history}", str(history / "cut"))
    between = ("--good", "HEAD~2", "--bad", "HEAD")
    cases = [
        (("--good", "HEAD", "--bad", "HEAD~2", *PROGRAM), 2, "is an ancestor of --good", "add --fixed"),
        (("--good", "HEAD", "--bad", "HEAD", *PROGRAM), 2, "are the same commit", "name two that differ"),
        (("--good", "v7", "--bad", "HEAD", *PROGRAM), 2, "there is no revision 'v7'", "git log --oneline"),
        (("--bad", "HEAD", *PROGRAM), 2, "--good is missing", "--good v1.4 --bad HEAD"),
        ((*between, "--rate", "x", *PROGRAM), 2, "--rate: 'x'", "--rate 0.5%"),
        ((*between, "--resume", "latest", *PROGRAM), 5, "there is no run", ""),
        ((*between, "--build", "echo no; false", *PROGRAM), 3, "the build of the bad end", "no"),
        ((*between, "--build", "sleep 60", "--build-timeout", "1s", *PROGRAM), 3, "took longer than 1s", "sleep 60"),
        (("tests/test_gone.py::test_gone", *between), 2, "test_gone", ""),
    ]
    for words, code, message, remedy in cases:
        done = flakeproof("bisect", *words)
        assert (done.returncode, message in done.stderr, remedy in done.stderr) == (code, True, True), done.stderr
    first = git(history, "rev-parse", "HEAD~3")
    done = flakeproof("bisect", "--good", first, "--bad", "HEAD", *PROGRAM, cwd=history / "cut")
    assert done.returncode == 2
    assert "git fetch --unshallow" in done.stderr
    assert clean(history)
    assert not (history / ".flakeproof").exists()


@pytest.mark.long
def test_no_such_commit(flakeproof: Flakeproof, history: Path) -> None:
    """A bad end that does not fail, and one that fails as often as the good one."""
    changes(history, 2)
    words = ("--good", "HEAD~1", "--bad", "HEAD", "--seed", "2", "--json", "out.json")
    never = flakeproof("bisect", *words, "--rate", "20%", *PROGRAM)
    assert never.returncode == 4, never.stderr
    assert "Nothing to find: it did not fail at the bad end" in never.stdout
    commit(history, "Flaky", FLAKY)
    changes(history, 1)
    same = flakeproof("bisect", *words, "--error", "5%", *PROGRAM)
    assert same.returncode == 4, same.stderr
    assert "No such commit: it fails equally often at both ends (error at most 5%)" in same.stdout
    found = json.loads((history / "out.json").read_text())
    assert found["before"]["failed"] > 0
    assert found["after"]["failed"] > 0


def test_where_nothing_else_can_be_run_the_search_ends(flakeproof: Flakeproof, history: Path) -> None:
    """A program that is in the newest commit only; the records of bisections are told from runs."""
    (history / "run.sh").unlink()
    commit(history, "Without it")
    changes(history, 1)
    commit(history, "New", FLAKY)
    done = flakeproof("bisect", "--good", "HEAD~2", "--bad", "HEAD", "--build", "test -e run.sh", *PROGRAM)
    assert done.returncode == 4, done.stderr
    assert "Not known, and what is left cannot be run: no trial would tell more" in done.stdout
    assert "that it is good was taken on trust" in done.stdout
    assert "2 commits could not be tried" in done.stdout
    assert "bisection of sh run.sh" in flakeproof("runs").stdout
    shown = flakeproof("show")
    assert (shown.returncode, "bisect --replay" in shown.stderr) == (2, True), shown.stderr


def test_a_test_that_is_flaky_since_it_exists(flakeproof: Flakeproof, history: Path) -> None:
    """The commit that adds it, without a look at commits that lack it; where it has to be there, that is said."""
    changes(history, 3)
    good = git(history, "rev-parse", "HEAD~2")
    (history / "test_shop.py").write_text("import random\ndef test_sold(): assert random.random() > 0.4, 'sold out'\n")
    added = commit(history, "Test the shop")
    changes(history, 4)
    asked = ("bisect", "test_shop.py::test_sold", "--good", good, "--seed", "1")
    done = flakeproof(*asked, "--bad", "HEAD", "--json", "out.json")
    assert done.returncode == 1, done.stderr + done.stdout
    assert "the test is not there in 3 commits, which are not tried" in done.stderr
    assert f"is flaky since {added[:12]} Test the shop" in done.stdout
    assert "the test was added by it" in done.stdout
    found = json.loads((history / "out.json").read_text())
    assert {one["commit"] for one in found["tried"]} <= set(git(history, "rev-list", f"{added}^..HEAD").split())
    assert clean(history)
    older = flakeproof(*asked, "--bad", f"{added}^")
    assert older.returncode == 2
    assert "test_shop.py: not there at the bad end" in older.stderr
    mended = flakeproof(*asked, "--bad", "HEAD", "--fixed")
    assert "test_shop.py: not there at the good end" in mended.stderr


@pytest.mark.long
def test_it_goes_on_after_it_was_killed(flakeproof: Flakeproof, history: Path, environment: dict[str, str]) -> None:
    """Interrupted: what is known, with status 130. Killed: the same answer as without, and no worktree left."""
    changes(history, 6)
    culprit = commit(history, "Sell without a lock", FLAKY)
    changes(history, 6)
    words = ["bisect", "--good", "HEAD~13", "--seed", "5"]
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        resumed = ["--resume", "latest"] if number is signal.SIGINT else []
        process = subprocess.Popen(
            [sys.executable, "-m", "flakeproof", *words, "--bad", "HEAD", *resumed, *PROGRAM],
            cwd=history,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("FAILED" in line or "passed" in line for line in lines)
        process.send_signal(number)
        assert process.wait() == code
        process.stdout.close()
        process.stderr.close()
    done = flakeproof(*words, "--bad", "HEAD", "--resume", "latest", "--json", "out.json", *PROGRAM)
    assert done.returncode == 1, done.stderr
    assert "going on after" in done.stderr
    assert [one["commit"] for one in json.loads((history / "out.json").read_text())["culprits"]] == [culprit]
    assert clean(history)
    other = flakeproof(*words, "--bad", "HEAD~1", "--resume", "latest", *PROGRAM)
    assert (other.returncode, "of something else (bad" in other.stderr) == (2, True), other.stderr
