"""The pytest plugin: as a user has it, in a pytest of their own."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest
from tests.tools import mostly_long

Pytest = Callable[..., subprocess.CompletedProcess[str]]

SUITE = """
    import os, pytest

    TRIAL = lambda: int(os.environ.get("FLAKEPROOF_TRIAL", 0))

    def test_fine(): pass

    def test_flaky(): assert TRIAL() % 4, "unlucky"

    class TestIt:
        @pytest.mark.parametrize("value", ["a b", "x[+]"])
        def test_ids(self, value): pass

    @pytest.mark.skip(reason="not here")
    def test_skipped(): pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a suite."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--strict-markers"\n')
    (folder / "test_it.py").write_text(dedent(SUITE))
    return folder


@pytest.fixture
def run_pytest(project: Path) -> Pytest:
    """Run pytest in it."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR", "XDG_STATE_HOME"}

    def run(*arguments: str, python: str = sys.executable, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=project,
            env={**{name: value for name, value in os.environ.items() if name in kept}, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


def test_each_test_is_reported_once(run_pytest: Pytest, project: Path) -> None:
    """`--flakeproof N` repeats the selection, and says of each test how often it failed, with the interval."""
    # One process: of two, one might get most of the failures, and the interval would rightly be approximate.
    done = run_pytest("--flakeproof", "40", "--flakeproof-workers=1", "--junit-xml=report.xml")
    assert done.returncode == 1, done.stdout
    assert "test_it.py::test_flaky: 10 of 40 failed, 25.00% (95% interval 12.69% to 41.20%)" in done.stdout
    assert "test_it.py::TestIt::test_ids[a b]: 0 of 40 failed, at most 7.22% (95% confidence)" in done.stdout
    assert "10 times, first in run 4:" in done.stdout
    assert "AssertionError: unlucky" in done.stdout
    assert "1 failed, 3 passed, 1 skipped" in done.stdout
    cases = list(ElementTree.parse(project / "report.xml").iter("testcase"))
    assert sorted(str(case.get("name")) for case in cases) == [
        "test_fine",
        "test_flaky",
        "test_ids[a b]",
        "test_ids[x[+]]",
        "test_skipped",
    ]


@pytest.mark.long
def test_the_selection_is_that_of_pytest(run_pytest: Pytest) -> None:
    """-k, node ids and the options of conftest files reach the processes that run the tests."""
    done = run_pytest(
        "--flakeproof=3",
        "--flakeproof-workers=2",
        "-k",
        "ids or fine",
        "test_it.py::TestIt",
        "test_it.py::test_fine",
        "-v",
    )
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
    assert len(re.findall("0 of 3 failed", done.stdout)) == 3


@pytest.mark.long
def test_a_marked_test_runs_as_often_as_it_says(run_pytest: Pytest, project: Path) -> None:
    """Within a rate that is allowed it passes, above it fails; others run once."""
    (project / "test_it.py").write_text(
        dedent("""
        import os, pytest
        TRIAL = lambda: int(os.environ.get("FLAKEPROOF_TRIAL", 0))
        @pytest.mark.stress(count=40, max_rate=0.3, workers=2)
        def test_allowed(): assert TRIAL() % 4
        @pytest.mark.stress(count=40, max_rate=0.2)
        def test_too_often(): assert TRIAL() % 4
        @pytest.mark.stress(30)
        def test_never(): assert TRIAL()
        @pytest.mark.stress
        def test_once(): assert not TRIAL()
        def test_plain(): assert not TRIAL()
        """)
    )
    done = run_pytest()
    assert done.returncode == 1, done.stdout
    assert "1 failed, 4 passed" in done.stdout
    assert "more than the 20% allowed" in done.stdout
    assert "test_it.py::test_never: 0 of 30 failed" in done.stdout
    assert "test_once:" not in done.stdout
    short = run_pytest("--short")
    assert (short.returncode, "1 passed, 4 skipped" in short.stdout) == (0, True), short.stdout
    assert "1 passed, 4 skipped" in run_pytest(FLAKEPROOF_SHORT="1").stdout


@pytest.mark.long
def test_inside_of_a_run_a_marked_test_runs_once(run_pytest: Pytest, project: Path) -> None:
    """A trial of flakeproof's is one run: marks do not multiply."""
    (project / "test_it.py").write_text(
        "import pytest\n@pytest.mark.stress(count=40)\ndef test_it(): open('runs', 'a').write('x')\n"
    )
    done = run_pytest("--flakeproof", "5")
    assert done.returncode == 0, done.stdout
    assert (project / "runs").read_text() == "xxxxx"


@mostly_long(
    ("arguments", "message"),
    [
        (["--flakeproof", "0"], "--flakeproof 0: at least one run is needed"),
        (["--flakeproof", "3", "--pdb"], "nobody debugs a thousand runs"),
        (["--flakeproof", "3", "--flakeproof-workers", "0"], "--flakeproof-workers: 0 is not between"),
    ],
    first=1,
)
def test_wrong_use(run_pytest: Pytest, arguments: list[str], message: str) -> None:
    """It is said as pytest says such things, with its exit code."""
    done = run_pytest(*arguments)
    assert done.returncode == 4, done.stdout + done.stderr
    assert message in done.stdout + done.stderr


def test_a_marker_that_is_wrong(run_pytest: Pytest, project: Path) -> None:
    """A word that the marker does not know is named; other tests run."""
    (project / "test_it.py").write_text(
        "import pytest\n@pytest.mark.stress(runs=40)\ndef test_it(): pass\ndef test_other(): pass\n"
    )
    done = run_pytest()
    assert done.returncode == 1
    assert "flakeproof: test_it.py::test_it: stress has no 'runs'" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


@pytest.mark.long
def test_stop_at_the_first_failure(run_pytest: Pytest, project: Path) -> None:
    """-x on the command line is about the runs; what was running then comes to its end."""
    (project / "test_it.py").write_text("import os\ndef test_it(): assert int(os.environ['FLAKEPROOF_TRIAL']) < 3\n")
    done = run_pytest("--flakeproof", "100000", "-x", "--flakeproof-workers", "1")
    assert re.search(r"test_it.py::test_it: \d of \d failed", done.stdout)
    assert re.search(r"stopped after the first failure: \d of 100000 runs", done.stdout)


@pytest.mark.long
def test_x_in_the_configuration(run_pytest: Pytest, project: Path) -> None:
    """There it is for other occasions: all runs are wanted."""
    (project / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-x"\n')
    (project / "test_it.py").write_text("def test_it(): assert False\n")
    done = run_pytest("--flakeproof", "9")
    assert "test_it.py::test_it: 9 of 9 failed" in done.stdout
    assert "stopping after" not in done.stdout


@pytest.mark.long
def test_words_that_look_like_arguments(run_pytest: Pytest, project: Path) -> None:
    """The value of an option stays, also where an argument is the same."""
    (project / "net").mkdir()
    (project / "net" / "test_it.py").write_text(
        "import pytest\n@pytest.mark.stress(count=3)\ndef test_it(): pass\n@pytest.mark.stress(3)\ndef test_b(): pass\n"
    )
    done = run_pytest("net", "-k", "net", "--deselect", "net/test_it.py::test_b")
    assert done.returncode == 0, done.stdout
    assert "net/test_it.py::test_it: 0 of 3 failed" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout


def test_it_costs_nothing_when_not_used(run_pytest: Pytest, project: Path) -> None:
    """flakeproof is imported only when one of its options is used."""
    (project / "test_it.py").write_text(
        "import sys\ndef test_it(): assert not [name for name in sys.modules if name.split('.')[0] == 'flakeproof']\n"
    )
    assert run_pytest().returncode == 0


@pytest.mark.long
def test_a_report_after_an_interrupt(run_pytest: Pytest, project: Path) -> None:
    """What has been seen until then is reported."""
    (project / "test_it.py").write_text(
        dedent("""
        import os, signal
        def test_it():
            if os.environ["FLAKEPROOF_TRIAL"] == "30":
                os.kill(int(os.environ["PYTEST_PROCESS"]), signal.SIGINT)
        """)
    )
    (project / "conftest.py").write_text("import os\nos.environ.setdefault('PYTEST_PROCESS', str(os.getpid()))\n")
    done = run_pytest("--flakeproof", "1000000")
    assert done.returncode == 2, done.stdout
    assert re.search(r"test_it.py::test_it: 0 of \d+ failed, at most", done.stdout)


@pytest.mark.long
def test_runs_without_a_result_are_no_success(run_pytest: Pytest, project: Path) -> None:
    """Nor were their tests skipped."""
    (project / "conftest.py").write_text("def pytest_runtest_protocol(): raise RuntimeError('broken')\n")
    (project / "test_it.py").write_text("def test_it(): pass\n")
    done = run_pytest("--flakeproof", "2")
    assert done.returncode == 1, done.stdout
    assert "flakeproof: 2 of 2 runs have no result, and none of them one for this test" in done.stdout
    assert "1 failed" in done.stdout
