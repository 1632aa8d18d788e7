"""The pytest plugin in a pytest that has other plugins, too."""

import os
import re
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from xml.etree import ElementTree

import pytest
from tests.tools import NEIGHBOURS

pytestmark = pytest.mark.long  # pip has to fetch what is in these environments

Pytest = Callable[..., str]


@pytest.fixture(scope="module")
def python(environment_with: Callable[..., str]) -> str:
    """An interpreter whose environment has flakeproof as this one has, and the plugins."""
    made = environment_with("pytest==9.0.2", *NEIGHBOURS, name="plugins")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    found = subprocess.run([made, "-c", code], capture_output=True, text=True, timeout=30, check=True).stdout.strip()
    folders = [Path(__file__).parents[2] / "src", sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    Path(found, "zz_flakeproof.pth").write_text("".join(f"{folder}\n" for folder in folders))
    return made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a suite."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\n")
    (tmp_path / "conftest.py").write_text(
        "import os\n"
        "def pytest_addoption(parser): parser.addoption('--price')\n"
        "TRIAL = lambda: int(os.environ.get('FLAKEPROOF_TRIAL', 0))\n"
    )
    return tmp_path


@pytest.fixture
def run_pytest(project: Path, python: str) -> Pytest:
    """Run pytest in it; what it prints, which ends with the exit status."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR"}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [python, "-m", "pytest", *arguments],
            cwd=project,
            env={name: value for name, value in os.environ.items() if name in kept},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        return f"{done.stdout}\nexit status {done.returncode}"

    return run


def write(project: Path, tests: str) -> None:
    """Put them into the suite."""
    (project / "test_it.py").write_text("import os, threading, pytest\nfrom conftest import TRIAL\n" + dedent(tests))


def test_the_whole_selection(run_pytest: Pytest, project: Path) -> None:
    """Nothing distributes, repeats or measures beside us, and it is said; each test is reported once."""
    (project / "pyproject.toml").write_text(
        "[tool.pytest.ini_options]\n"
        'addopts = "-n auto --cov=. --cov-report=xml --cov-fail-under=99 --reruns 3 --timeout 60 --count 3 --maxfail 1'
        ' --junitxml=x.xml"\n'
    )
    write(
        project,
        """
        def test_fine(): pass
        def test_half():
            if TRIAL() < 1 << 40:  # above are trials that look into whether copies collide
                open("attempts", "a").write("x")
            assert TRIAL() % 2
        @pytest.mark.timeout(5)
        def test_hangs():
            if TRIAL() == 3: threading.Event().wait()
        """,
    )
    text = run_pytest("--flakeproof", "4")
    assert text.endswith("exit status 1")
    assert "2 failed, 1 passed" in text
    assert "flakeproof: 4 runs of each test, without --cov, -n, --reruns, --count" in text
    assert "FAILED test_it.py::test_half - 2 of 4 failed, 50.00%" in text
    assert "test_it.py::test_hangs: 1 of 4 failed, 25.00%" in text
    assert "Timeout (>5.0s) from pytest-timeout" in text
    assert "stopping after" not in text
    assert (project / "attempts").read_text() == "xxxx"
    assert not list(project.glob("*cov*"))
    properties = {
        str(case.get("name")): [one.get("value") for one in case.iter("property")]
        for case in ElementTree.parse(project / "x.xml").iter("testcase")
    }
    assert set(properties) == {"test_fine", "test_half", "test_hangs"}
    assert str(properties["test_half"][0]).startswith("2 of 4 failed, 50.00%")


MARKED = """
    @pytest.mark.stress(count=8, workers=1)
    def test_marked(pytestconfig):
        open("attempts", "a").write("x")
        assert pytestconfig.getoption("--price") == "3"
        assert TRIAL() % 4, "unlucky"

    @pytest.mark.stress(count=4, workers=1)
    @pytest.mark.timeout(3.5)  # more than one run takes, less than all of them
    def test_quick(): threading.Event().wait(1)

    @pytest.mark.stress(runs=3)
    def test_wrong(): pass

    def test_plain(): assert not TRIAL()
"""


@pytest.mark.parametrize(
    "options",
    [
        ["-n", "2"],
        ["-p", "no:randomly", "--cov=.", "--count", "2", "--reruns", "2", "--timeout", "3.5"],
    ],
    ids=["xdist", "others"],
)
def test_marked_tests(run_pytest: Pytest, project: Path, options: list[str]) -> None:
    """Each runs as often as it says, whatever would repeat it, in processes of xdist, too; limits are for one run."""
    write(project, MARKED)
    text = run_pytest(*options, "--price", "3", "--junitxml=x.xml", "-v", "test_it.py")
    assert text.endswith("exit status 1")
    assert "test_it.py::test_marked: 2 of 8 failed, 25.00%" in text
    assert "2 times, first in run 4:" in text
    assert "test_it.py::test_quick: 0 of 4 failed" in text
    assert "FAILED test_it.py::test_wrong" in text
    assert "stress has no 'runs'; it takes count, max_rate, workers" in text
    assert "INTERNALERROR" not in text
    assert f"2 failed, {3 if '--count' in options else 2} passed" in text  # pytest-repeat has the plain one twice
    assert (project / "attempts").read_text() == "xxxxxxxx"
    assert len(re.findall('property name="flakeproof"', (project / "x.xml").read_text())) == 2
    if "--cov=." in options:
        assert [path.name for path in project.glob(".coverage*")] == [".coverage"]
        assert re.search(r"test_it.py +\d+ +\d+ +\d+%", text)
