"""`flakeproof ci`, as a user runs it: from what a real red job has left to a command that fails, or a bound."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.conftest import Flakeproof

DOCS = Path(__file__).parent.parent.parent / "docs"
LEAK = {
    "state.py": "MODE = 'safe'\n",
    "tests/test_a.py": "import state\ndef test_fill(): pass\ndef test_sets(): state.MODE = 'fast'\n",
    "tests/test_z.py": "import state\ndef test_mode(): assert state.MODE == 'safe', 'too fast'\n",
}
ZONE = {
    "tests/test_t.py": "import datetime\ndef test_day():\n"
    "    assert datetime.datetime.fromtimestamp(1_700_000_000).day == 14, 'another day'\n"
}
Red = Callable[..., Path]


@pytest.fixture
def red(project: Path, environment: dict[str, str]) -> Red:
    """Make a repository of files, run pytest in it as CI does, and give the folder with what that has left."""

    def make(files: dict[str, str], *words: str, code: int = 1, **variables: str) -> Path:
        for path in project.glob("*.py"):
            path.unlink()
        for name, text in {
            **files,
            "pytest.ini": "[pytest]\npythonpath = .\n",
            ".gitignore": ".*\n__pycache__\n",
        }.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], cwd=project, check=True)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=project, capture_output=True, text=True, check=True)
        left = project.parent / "left"
        left.mkdir()
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *words, f"--junitxml={left / 'junit.xml'}"],
            cwd=project,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stdout
        before = ["##[group]Run actions/checkout@v4", f"HEAD is now at {commit.stdout.strip()} first", "env:"]
        before += [f"  {name}: {value}" for name, value in variables.items()]
        (left / "job.log").write_text("\n".join([*before, ended.stdout]))
        return left

    return make


def reproduced(flakeproof: Flakeproof, *words: str, code: int = 1) -> dict[str, Any]:
    """The JSON of a reproduction, which keeps to its schema."""
    ended = flakeproof("ci", *words, "--python", sys.executable, "--seed", "1", "--json", "-", limit=1200)
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    jsonschema.validate(found, json.loads((DOCS / "ci.schema.json").read_bytes()))
    return found


@pytest.mark.long
@pytest.mark.usefixtures("few_plugins")
def test_from_a_log_to_the_two_tests_that_matter(
    flakeproof: Flakeproof, red: Red, project: Path, environment: dict[str, str]
) -> None:
    """A state that leaks across files, after the repository has moved on; the order, which a log without -v does not
    tell, is that of the attempt that failed."""
    left = red(LEAK)
    subprocess.run(["git", "rm", "-q", "tests/test_a.py"], cwd=project, check=True)
    found = reproduced(flakeproof, str(left / "job.log"))

    assert found["verdict"] == "reproduced"
    assert found["history"] == ["tests/test_a.py::test_sets"]
    assert found["failure"]["symptom"]["message"] == "AssertionError: too fast"
    assert found["rate"]["failed"] == found["rate"]["attempts"] > 0
    assert found["history_command"].startswith("git worktree add --detach ")
    # What it says is run as it stands, by a shell.
    line = found["history_command"].replace(shlex.quote(sys.executable), sys.executable)
    ended = subprocess.run(line, shell=True, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert "too fast" in ended.stdout, ended.stderr + ended.stdout


@pytest.mark.long
def test_each_worker_runs_what_it_ran(flakeproof: Flakeproof, red: Red) -> None:
    """With pytest-xdist: what it would share out anew is given to the same workers in the same order."""
    marks = "import pytest\npytestmark = pytest.mark.xdist_group('one')\n"
    files = {name: marks + text if "test_" in name else text for name, text in LEAK.items()}
    files["tests/test_o.py"] = "def test_other(): pass\n"
    found = reproduced(flakeproof, str(red(files, "-n", "2", "-v", "--dist", "loadgroup")))

    assert found["verdict"] == "reproduced"
    assert found["case"]["facts"]["workers"]["value"] == "2"
    assert found["history"] == ["tests/test_a.py::test_sets"]
    assert any("other workers do not matter" in condition for condition in found["conditions"])


@pytest.mark.long
@pytest.mark.usefixtures("few_plugins")
def test_the_time_zone_of_the_job_is_the_cause(flakeproof: Flakeproof, red: Red) -> None:
    """What decides is named, and is in the command."""
    found = reproduced(flakeproof, str(red(ZONE, "-v", TZ="Asia/Tokyo")))

    assert found["verdict"] == "reproduced"
    assert any(condition.startswith("TZ=Asia/Tokyo matters") for condition in found["conditions"])
    assert "TZ=Asia/Tokyo" in found["command"]
    assert "--timezone Asia/Tokyo" in found["next_commands"][0]


@pytest.mark.long
@pytest.mark.usefixtures("few_plugins")
def test_what_fails_always_is_broken(flakeproof: Flakeproof, red: Red) -> None:
    """And not called flaky."""
    left = red({"tests/test_x.py": "def test_one(): assert 1 == 2, 'never'\n"})
    ended = flakeproof("ci", str(left), "--python", sys.executable, limit=1200)

    assert ended.returncode == 1, ended.stderr
    (told,) = re.findall(r"Broken, not flaky: \S+::test_one fails by itself every time \((\d+) of (\d+)", ended.stdout)
    assert told[0] == told[1]


@pytest.mark.long
@pytest.mark.usefixtures("few_plugins")
def test_what_does_not_fail_here_has_a_bound(flakeproof: Flakeproof, red: Red) -> None:
    """With what is not as in CI; and how the next job can tell more."""
    text = "import os\ndef test_one(): assert os.environ.get('ONLY_IN_CI') is None, 'only there'\n"
    left = red({"tests/test_x.py": text}, "-v", ONLY_IN_CI="1")
    ended = flakeproof("ci", str(left), "--python", sys.executable, "--budget", "8s", limit=1200)

    assert ended.returncode == 4, ended.stderr
    assert "Not reproduced: as CI ran it, it fails in at most " in ended.stdout
    assert "Not as in CI: the hash seed of the job is not in the artifacts" in ended.stdout


@pytest.mark.long
def test_a_case_is_shown_and_nothing_is_run(flakeproof: Flakeproof, red: Red, project: Path) -> None:
    """Each fact with its line, as text and as JSON; a green job is green; hostile names are text."""
    left = red({"tests/test_x.py": "def test_one(): raise ValueError('\\x1b[31m\\u202eevil')\n"}, "-v", TZ="UTC")
    ended = flakeproof("ci", str(left), "--show")
    assert ended.returncode == 0
    assert "tests/test_x.py::test_one failed (job.log:" in ended.stdout
    assert "  time zone: UTC (job.log:4)" in ended.stdout
    assert "\x1b" not in ended.stdout
    assert "\u202e" not in ended.stdout
    case = json.loads(flakeproof("ci", str(left), "--show", "--json", "-").stdout)
    jsonschema.validate(case, json.loads((DOCS / "ci-job.schema.json").read_bytes()))
    assert not (project / ".flakeproof").exists()

    (left / "job.log").unlink()
    text = (left / "junit.xml").read_text()
    (left / "junit.xml").write_text(text[: text.index("<failure")] + "</testcase></testsuite></testsuites>")
    ended = flakeproof("ci", str(left))
    assert ended.returncode == 0
    assert "Green: no test failed in this job" in ended.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no file to read"),
        (["missing.log"], "missing.log: there is no such file or folder"),
        (["targets.py"], "no session of a test runner"),
        (["a\x01b"], "there is no such file"),
        (["job.log", "--budget", "1s"], "too short"),
        (["job.log", "--budget", "soon"], "--budget"),
        (["job.log", "--test", "test_no"], "--test test_no is none of the 1 that failed"),
        (["job.log", "--session", "7"], "--session 7: there is 1 session"),
        (["job.log", "--capture"], "--capture reads no file"),
        (["job.log", "--python", "no-python"], "--python no-python"),
        (["job.log"], "tests/test_gone.py::test_x is not among the"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_used_is_named(flakeproof: Flakeproof, project: Path, words: list[str], message: str) -> None:
    """Exit status 2, with the value."""
    (project / "test_here.py").write_text("def test_here(): pass\n")
    (project / "job.log").write_text(
        "=== test session starts ===\n=== short test summary info ===\nFAILED tests/test_gone.py::test_x - no\n"
    )
    own = ["--python", sys.executable] if words == ["job.log"] else []
    ended = flakeproof("ci", *words, *own)

    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr


def test_the_lines_to_capture_are_a_script(flakeproof: Flakeproof, tmp_path: Path, environment: dict[str, str]) -> None:
    """A shell runs them, and what it prints is read again."""
    ended = flakeproof("ci", "--capture")
    script = f"{ended.stdout}\nprintf '%s' \"$PYTEST_ADDOPTS\" >&2\n"
    done = subprocess.run(
        ["sh", "-c", script], cwd=Path(__file__).parent, env=environment, capture_output=True, text=True
    )

    (line,) = done.stdout.splitlines()
    assert "--junitxml" in done.stderr
    assert f"cores={len(os.sched_getaffinity(0))}" in line
    assert "PYTHONHASHSEED=" in line
