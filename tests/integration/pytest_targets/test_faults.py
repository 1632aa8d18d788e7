"""Tests that do their worst: the totals stay right, the message names the test, and nothing is left."""

import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.integration.pytest_targets.conftest import Suite, every_isolation, kept_processes
from tests.tools import mostly_long

from flakeproof.errors import CannotRunError, FlakeproofError, NothingToRunError, UsageError

AT_TWO = "os.environ['FLAKEPROOF_TRIAL'] == '2'"


def three_tests(body: str) -> str:
    """A suite in which the second of three tests does `body` in trial 2."""
    indented = "\n".join(f"        {line}" for line in body.splitlines())
    return (
        "import ctypes, os, signal, subprocess, sys, threading, time\n"
        "def test_first(): pass\n"
        f"def test_it(tmp_path):\n    if {AT_TWO}:\n{indented}\n"
        "def test_last(): pass\n"
    )


@kept_processes
@pytest.mark.parametrize(
    ("body", "outcome", "message"),
    [
        ("os._exit(3)", "crashed", "exited with status 3"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "crashed", "killed by SIGKILL"),
        ("ctypes.string_at(0)", "crashed", "killed by SIGSEGV"),
        ("os.closerange(0, 256)", "crashed", "has closed descriptors that are not its own"),
        ("sys.stdout.close(); sys.stderr.close(); raise ValueError('closed')", "failed", "ValueError: closed"),
    ],
    ids=["exit", "kill", "segfault", "descriptors", "streams"],
)
def test_the_test_in_hand_is_named(suite: Suite, isolation: str, body: str, outcome: str, message: str) -> None:
    """A sudden end is that of the test that was running; other tests and trials keep their results."""
    _one_of_four(suite, isolation, body, outcome, message, limit=60)


@pytest.mark.long
def test_the_test_in_hand_of_a_new_interpreter_is_named(suite: Suite) -> None:
    """Its end is told in the same way."""
    _one_of_four(suite, "fresh", "ctypes.string_at(0)", "crashed", "killed by SIGSEGV", limit=60)


@pytest.mark.long
@pytest.mark.parametrize(
    ("body", "isolation", "limit"),
    [
        ("threading.Event().wait()", "shared", 3),
        ("threading.Event().wait()", "fork", 3),
        ("threading.Event().wait()", "fresh", 20),  # in which an interpreter has to start, on a busy machine, too
        ("ctypes.PyDLL(None).pause()", "shared", 3),  # with the interpreter's lock
        ("ctypes.PyDLL(None).pause()", "fork", 3),
    ],
)
def test_the_test_that_hangs_is_named(suite: Suite, isolation: str, body: str, limit: float) -> None:
    """So is that of a time limit."""
    _one_of_four(suite, isolation, body, "timed out", "timed out after", limit)


def _one_of_four(suite: Suite, isolation: str, body: str, outcome: str, message: str, limit: float) -> None:
    suite.write(test_it=three_tests(body))
    seen = suite.run("test_it.py", isolation=isolation, count=4, timeout=limit)
    assert seen.summary.outcomes == {"passed": 3, outcome: 1}
    (failure,) = seen.failures
    assert (failure.trial, failure.item) == (2, "test_it.py::test_it")
    assert message in failure.message
    assert [item.failed for item in seen.summary.items] == [0, 1, 0]
    assert [item.passed for item in seen.summary.items][1] == 3
    if body.startswith("threading"):
        assert "test_it.py:5 (test_it)" in failure.message


@kept_processes
def test_one_that_kills_its_parent(suite: Suite, isolation: str) -> None:
    """The parent of a test is a process of flakeproof's, or flakeproof itself, which ends in order."""
    if isolation == "shared":
        body = "os.kill(os.getppid(), 0)"  # its parent is the coordinator: this program
    else:
        body = "os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)"
    suite.write(test_it=three_tests(body))
    seen = suite.run("test_it.py", isolation=isolation, count=4)
    assert (seen.summary.total, seen.summary.outcomes.get("crashed", 0)) == (4, isolation != "shared")


@every_isolation
def test_what_is_left_running_goes(suite: Suite, isolation: str) -> None:
    """Threads and children that a test leaves, also those that have cut themselves loose, do not outlive the run."""
    suite.write(
        test_it="""
        import os, subprocess, sys, threading
        def test_it():
            threading.Thread(target=threading.Event().wait).start()
            code = "import os, time\\nif os.fork() == 0:\\n    os.setsid()\\n    time.sleep(600)\\ntime.sleep(600)"
            child = subprocess.Popen([sys.executable, "-c", code, "flakeproof-left-over"])
            with open("pids", "a") as file:
                file.write(f"{child.pid}\\n")
        """
    )
    assert suite.run("test_it.py", isolation=isolation, count=3).summary.passed == 3
    assert not [process for process in psutil.process_iter(["cmdline"]) if "flakeproof-left-over" in str(process.info)]


@kept_processes
def test_a_hundred_megabytes(suite: Suite, isolation: str, tmp_path: Path) -> None:
    """Output without end fills neither memory nor the record; head and tail of it are kept for a failure."""
    suite.write(
        test_it="""
        import os, sys
        def test_it():
            print("the beginning")
            for _ in range(100):
                sys.stdout.write("x" * (1 << 20))
            print("the end")
            assert os.environ["FLAKEPROOF_TRIAL"] == "1"
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    (failure,) = seen.failures
    assert "the end" in failure.output
    assert len(failure.output) < 100_000
    assert sum(path.stat().st_size for path in Path(seen.summary.folder).iterdir()) < 1 << 20


@pytest.mark.long
@kept_processes
def test_a_full_temporary_folder(suite: Suite, isolation: str) -> None:
    """Whatever a trial writes there goes with it: thousands of files, and folders without permission."""
    suite.write(
        test_it="""
        import os, pathlib, tempfile
        def test_it():
            folder = pathlib.Path(tempfile.mkdtemp())
            for number in range(2000):
                (folder / str(number)).write_text("x" * 100)
            folder.chmod(0)
            pathlib.Path("place").write_text(os.environ["TMPDIR"])
        """
    )
    assert suite.run("test_it.py", isolation=isolation, count=2).summary.passed == 2
    assert not Path((suite.folder / "place").read_text()).parent.exists()


@kept_processes
def test_a_copy_of_the_process_reports_nothing(suite: Suite, isolation: str) -> None:
    """A test that forks and comes back twice is counted once."""
    suite.write(
        test_it="""
        import os
        def test_it():
            if os.fork() == 0:
                raise ValueError("in the copy")
            os.wait()
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=3)
    assert (seen.summary.passed, seen.summary.total) == (3, 3)


def _refused(suite: Suite, *arguments: str, isolation: str = "fork", **settings: Any) -> FlakeproofError:
    with pytest.raises(FlakeproofError) as raised:
        suite.run(*arguments, isolation=isolation, **settings)
    assert not (suite.folder.parent / "store").exists()
    return raised.value


def test_nothing_to_run(suite: Suite) -> None:
    """A folder without tests."""
    suite.write(test_it="def test_it(): pass\n")
    (suite.folder / "empty").mkdir()
    error = _refused(suite, "empty")
    assert isinstance(error, NothingToRunError)
    assert error.exit_code == 5
    assert "no tests" in error.message


@pytest.mark.parametrize(
    ("argument", "message", "near"),
    [
        ("test_it.py::test_ads", "not found: ", "did you mean test_it.py::test_adds or "),
        ("test_it.py::TestIt::test_adds", "not found: ", "did you mean test_it.py::test_adds?"),
        ("test_it.py::test_parts[thre]", "not found: ", "did you mean test_it.py::test_parts[three] or "),
        (
            "test_it.py::nothing_like_it",
            "not found: ",
            "did you mean test_it.py::test_adds or test_it.py::test_parts or test_it.py::TestMore::test_it?",
        ),
        ("test_its.py", "file or directory not found: test_its.py", "did you mean test_it.py?"),
        (
            "test_deep.py::test_it",
            "file or directory not found: test_deep.py::test_it",
            "did you mean below/test_deep.py::test_it?",
        ),
        ("nothing/like/it", "file or directory not found: nothing/like/it", "run from "),
    ],
)
def test_what_is_not_there(suite: Suite, argument: str, message: str, near: str) -> None:
    """pytest's own words, once, what may have been meant, and the exit code for a wrong name."""
    parts = "import pytest\n@pytest.mark.parametrize('n', ['three', 'four'])\ndef test_parts(n): pass\n"
    suite.write(test_it=f"def test_adds(): pass\n{parts}class TestMore:\n    def test_it(self): pass\n")
    (suite.folder / "below").mkdir()
    (suite.folder / "below" / "test_deep.py").write_text("def test_it(): pass\n")
    error = _refused(suite, argument)
    assert isinstance(error, UsageError)
    assert error.exit_code == 2
    assert message in error.message
    assert error.remedy.startswith(near)


@mostly_long(
    ("files", "message", "details"),
    [
        ({"test_it": "def test_it(:\n"}, "could not collect test_it.py: SyntaxError", "test_it.py"),
        ({"test_it": "import no_such_module\n"}, "No module named 'no_such_module'", "import no_such_module"),
        ({"conftest": "raise ValueError('no database')\n"}, "ended before it ran anything", "no database"),
        (
            {"conftest": "import pytest\npytest.exit('not on this machine')\n"},
            "ended before",
            "not on this machine",
        ),
        ({"conftest": "import sys\nsys.exit(4)\n"}, "SystemExit: 4", ""),
        ({"conftest": "import os\nos._exit(4)\n"}, "exit status 4", ""),
        ({"conftest": "pytest_plugins = ['no_such_plugin']\n"}, "ended before it ran anything", "no_such_plugin"),
        ({"conftest": "def pytest_sessionstart(): raise ValueError('no database')"}, "ended before", "no database"),
        ({"conftest": "def pytest_collection_modifyitems(items): 1 / 0"}, "ended before", "ZeroDivisionError"),
    ],
    first=2,
)
@pytest.mark.parametrize("isolation", ["shared", "fresh"])
def test_what_cannot_be_collected(
    suite: Suite, isolation: str, files: dict[str, str], message: str, details: str
) -> None:
    """It is told once, with pytest's own explanation, and is no failure of a test."""
    suite.write(**{"test_it": "def test_it(): pass\n", **files})
    error = _refused(suite, "test_it.py", isolation=isolation)
    assert isinstance(error, CannotRunError)
    assert error.exit_code == 3
    assert message in error.message
    assert details in error.details


@pytest.mark.parametrize(
    ("line", "words"), [("-p no_such_plugin", "no_such_plugin"), ("--no-such-option", "--no-such")]
)
def test_options_that_need_a_plugin(suite: Suite, line: str, words: str) -> None:
    """Options in the project's configuration for a plugin that is missing: pytest says so, and that is shown."""
    (suite.folder / "pyproject.toml").write_text(f'[tool.pytest.ini_options]\naddopts = "{line}"\n')
    suite.write(test_it="def test_it(): pass\n")
    error = _refused(suite, "test_it.py")
    assert isinstance(error, CannotRunError)
    assert words in error.message + error.details


def test_a_python_without_pytest(suite: Suite, tmp_path: Path) -> None:
    """It is named, with what to do."""
    suite.write(test_it="def test_it(): pass\n")
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nshift\nexec {sys.executable} -S -I -u "$@"\n')
    python.chmod(0o755)
    error = _refused(suite, "test_it.py", python=os.fspath(python))
    assert "pytest is not installed" in error.message
    assert "--python" in error.remedy


@pytest.mark.long
def test_a_collection_that_fails_now_and_then(suite: Suite) -> None:
    """In a new interpreter for each trial, an import that fails is a failure of that trial."""
    suite.write(
        test_it="""
        import os
        if os.environ.get("FLAKEPROOF_TRIAL") == "2":
            raise OSError("the import is flaky")
        def test_it(): pass
        """
    )
    seen = suite.run("test_it.py", isolation="fresh", count=3)
    assert (seen.summary.passed, seen.summary.failed) == (2, 1)
    assert "the import is flaky" in seen.failures[0].message


def test_processes_that_collect_different_tests(suite: Suite) -> None:
    """Ids made from the order of a set are refused with the remedy: they could not be counted together."""
    suite.write(
        test_it="""
        import os, pytest
        @pytest.mark.parametrize("value", [os.getpid()])
        def test_it(value): pass
        """
    )
    with pytest.raises(CannotRunError) as raised:
        suite.run("test_it.py", isolation="shared", count=10, workers=2)
    assert "two processes have collected different tests" in raised.value.message
    assert "PYTHONHASHSEED" in raised.value.remedy
