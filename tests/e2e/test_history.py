"""`flakeproof history` as a user types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from tests.e2e.conftest import Flakeproof
from tests.integration.history.reports import junit

_DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def reports(project: Path) -> Path:
    """Of forty jobs at twenty commits: one test is flaky, one was broken for a while, two fail together."""
    folder = project / "reports"
    folder.mkdir()
    for number in range(40):
        tests = {f"test_{name}": "" for name in ("a", "b", "c", "d", "e")}
        if number % 5 == 1:
            tests["test_a"] = "boom 17"
        if 24 <= number < 32:
            tests["test_b"] = "gone"
        if number in (3, 14, 17, 22, 35):
            tests["test_c"] = tests["test_d"] = "no database"
        told = {"commit": f"{number // 2:040x}", "branch": "main"}
        text = junit(tests, at=f"2026-03-{1 + number // 4:02}T{number % 4:02}:00:00", properties=told)
        (folder / f"{number:02}.xml").write_text(text)
    return folder


def test_import_and_rank(flakeproof: Flakeproof, reports: Path) -> None:
    """A row for each test that matters, which ends in a command; the same twice counts once."""
    done = flakeproof("history", "import", "reports")
    assert (done.returncode, done.stdout) == (
        0,
        "Imported 40 jobs: 200 results, 26 failures, into .flakeproof/history.db\n",
    )
    again = flakeproof("history", "import", "reports")
    assert "Imported 0 jobs" in again.stdout
    assert "40 files had been imported before" in again.stdout
    told = flakeproof("history", "--json", "history.json")
    assert told.returncode == 0, told.stderr
    assert "40 jobs at 20 commits, 2026-03-01 to 2026-03-10: 200 results of 5 tests" in told.stdout
    assert "flaky: failed 8 of 40 jobs" in told.stdout
    assert "diagnose tests/test_a.py::test_a" in told.stdout
    assert "1 test failed every time from one commit to another, and no longer: tests/test_a.py::test_b" in told.stdout
    assert "Fail together: 2 tests, in 5 of the 5 jobs in which one of them failed" in told.stdout
    document = json.loads((reports.parent / "history.json").read_text())
    jsonschema.validate(document, json.loads((_DOCS / "history.schema.json").read_text()))
    verdicts = {row["test"].rpartition("::")[2]: row["verdict"] for row in document["rows"]}
    assert verdicts == {"test_a": "flaky", "test_b": "was broken", "test_c": "flaky", "test_d": "flaky"}
    (span,) = next(row["broken"] for row in document["rows"] if row["test"].endswith("test_b"))
    assert (int(span["first"], 16), int(span["last"], 16), span["runs"], span["is_over"]) == (12, 15, 8, True)


@pytest.mark.long
def test_one_test_in_full(flakeproof: Flakeproof, reports: Path) -> None:
    """By a part of its name; also one that is not flaky; one that never failed is no error of ours."""
    flakeproof("history", "import", "reports")
    told = flakeproof("history", "test_b")
    assert "was broken: 8 of 8 runs, commits 000000000000 to 000000000000, since 2026-03-07" in told.stdout
    assert "test_a.py::test_a" not in told.stdout
    none = flakeproof("history", "test_e")
    assert none.returncode == 5
    assert "no test that has failed is called test_e" in none.stderr


@pytest.mark.long
def test_runs_of_our_own(flakeproof: Flakeproof, project: Path) -> None:
    """The records of a folder count by their trials; once, however often they are imported."""
    flakeproof("run", "-c", "60", "--seed", "4", "targets:flaky")
    flakeproof("run", "-c", "5", "targets:passes")
    flakeproof("run", "-c", "5", "--nice", "5", "targets:fails")
    first = flakeproof("history", "import", ".flakeproof")
    assert first.returncode == 0, first.stderr
    assert "Imported 3 jobs" in first.stdout
    assert "Imported 0 jobs" in flakeproof("history", "import", ".").stdout
    told = flakeproof("history", "--json", "-")
    document = json.loads(told.stdout)
    rows = {row["test"]: row for row in document["rows"]}
    assert rows["targets:flaky"]["verdict"] == "flaky"
    assert (rows["targets:flaky"]["runs"], rows["targets:flaky"]["source"]) == (60, "runs")
    assert "targets:fails" not in rows  # it has failed only where something was done to it


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("history",), "there is no history in .flakeproof/history.db"),
        (("history", "import"), "there is nothing to import"),
        (("history", "import", "nowhere"), "there is nothing at nowhere"),
        (("history", "import", "targets.py"), "there is no JUnit file and no record of a run in it"),
        (("history", "import", "targets.py", "--commit", "main"), "--commit 'main' is no commit"),
        (("history", "import", "targets.py", "--top", "3"), "--top is for what a history tells"),
        (("history", "import", "targets.py", "--html", "x.html"), "--html is for what a history tells"),
        (("history", "--since", "soon", "--history", "x.db"), "--since 'soon' is neither"),
        (("history", "--history", "mysql://u:secret@h/x"), "is no URL of PostgreSQL"),
        (("history", "--top", "0", "--history", "x.db"), "--top: 0 is not between"),
    ],
)
def test_bad_input(words: tuple[str, ...], told: str, flakeproof: Flakeproof, project: Path) -> None:
    """Named, with exit code 2, and without a password; nothing is left behind."""
    before = sorted(path.name for path in project.iterdir())
    done = flakeproof(*words)
    assert (done.returncode, told in done.stderr) == (2, True), done.stderr
    assert "secret" not in done.stderr
    assert sorted(path.name for path in project.iterdir() if path.name != ".flakeproof") == before


def test_a_plain_run_imports_no_database(project: Path) -> None:
    """What starts often does not pay for what it does not use."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flakeproof", "run", "-c", "2", "targets:passes"],
        cwd=project,
        env={**os.environ, "FLAKEPROOF_HISTORY": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "flakeproof" in imported
    assert not imported & {"sqlalchemy", "alembic", "lxml", "jinja2", "vl_convert"}


@pytest.mark.long
def test_without_sqlalchemy_it_says_what_to_install(flakeproof: Flakeproof, project: Path) -> None:
    """As where flakeproof is installed without the extra."""
    (project / "sqlalchemy.py").write_text("raise ImportError('no module named sqlalchemy')\n")
    done = flakeproof("history", "import", "targets.py", env={"PYTHONPATH": str(project)})
    assert done.returncode == 2
    assert "pip install 'flakeproof[history]'" in done.stderr


@pytest.mark.long
def test_each_run_is_added_where_configured(flakeproof: Flakeproof, project: Path) -> None:
    """With the commit that is checked out, unless there are changes; once, also if imported later."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    (project / "pyproject.toml").write_text("[tool.flakeproof]\nhistory = true\n")
    (project / ".gitignore").write_text("__pycache__\n.flakeproof\n")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
        subprocess.run([*git, *words], cwd=project, check=True)
    done = flakeproof("run", "-c", "20", "--seed", "4", "targets:flaky")
    assert done.returncode == 1, done.stderr
    (project / "targets.py").write_text((project / "targets.py").read_text() + "\n")
    flakeproof("gate", "--max-rate", "50%", "-c", "20", "targets:passes")
    flakeproof("stress", "targets:passes", "-c", "3")
    assert "Imported 0 jobs" in flakeproof("history", "import", ".flakeproof").stdout
    document = json.loads(flakeproof("history", "--json", "-").stdout)
    assert (document["runs"], document["commits"]) == (3, 1)
    off = flakeproof("run", "-c", "2", "targets:passes", env={"FLAKEPROOF_HISTORY": "no"})
    assert off.returncode == 0
    assert json.loads(flakeproof("history", "--json", "-").stdout)["runs"] == 3
    assert "left alone" not in flakeproof("clean").stdout
    assert json.loads(flakeproof("history", "--json", "-").stdout)["runs"] == 3


def test_a_history_that_cannot_be_opened_is_told_before_the_run(flakeproof: Flakeproof, project: Path) -> None:
    """Not behind hours of it."""
    done = flakeproof("run", "-c", "3", "targets:passes", "--history", "postgresql://u:secret@/x?host=/nowhere")
    assert done.returncode == 2
    assert "cannot be opened" in done.stderr
    assert "secret" not in done.stderr
    assert not list((project / ".flakeproof" / "runs").glob("*"))
