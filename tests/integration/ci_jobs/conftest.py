"""Artifacts of CI, made by running the real runners; each is made once for all tests."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

_A = """
import pytest
STATE = {"n": 0}
@pytest.mark.parametrize("x", ["a b", "c - d", "e::f"])
def test_p(x): pass
class TestK:
    def test_m(self): STATE["n"] = 1
    def test_v(self): assert STATE["n"] == 0, "left over"
def test_err(missing): pass
@pytest.fixture
def bad():
    yield 1
    raise ValueError("teardown went wrong")
def test_td(bad): print("said something")
@pytest.mark.skip(reason="no")
def test_s(): pass
@pytest.mark.parametrize("x", ["y - z"])
def test_dash(x): assert not x
"""
_B = """
def helper(n): raise RuntimeError(f"deep {n}\\nsecond line")
def test_deep(): helper(3)
def test_ok(): pass
def test_long(): raise ValueError("x" * 300)
"""
_PLUGIN = """
import os
def pytest_runtest_logreport(report):
    if report.when == "setup":
        with open(os.environ["TRUTH"] + "/" + os.environ.get("PYTEST_XDIST_WORKER", "main"), "a") as file:
            file.write(report.nodeid + "\\n")
"""
"""The truth about orders: each process writes down what it runs."""


@dataclass(frozen=True)
class Job:
    """What a run of pytest has left."""

    log: str
    junit: Path
    truth: dict[str, list[str]]
    """What each worker ran."""


@pytest.fixture(scope="session")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with tests that fail in every way."""
    folder = tmp_path_factory.mktemp("suite")
    (folder / "tests").mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "tests" / "test_a.py").write_text(_A)
    (folder / "tests" / "test_b.py").write_text(_B)
    (folder / "truth_plugin.py").write_text(_PLUGIN)
    return folder


@pytest.fixture(scope="session")
def job(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Job]:
    """Run pytest in the suite with some words."""
    made: dict[tuple[str, ...], Job] = {}

    def run(*words: str) -> Job:
        if words not in made:
            folder = tmp_path_factory.mktemp("job")
            (folder / "truth").mkdir()
            environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "CI"))}
            environment |= {"TRUTH": str(folder / "truth"), "PYTHONPATH": str(suite), "COLUMNS": "90"}
            command = [sys.executable, "-m", "pytest", "-p", "truth_plugin", "-p", "no:cacheprovider", *words]
            ended = subprocess.run(
                [*command, f"--junitxml={folder / 'junit.xml'}"],
                cwd=suite,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert ended.returncode == 1, ended.stdout
            # The controller of xdist hears of every test as well, and writes as `main`.
            found = {path.name: path.read_text().split("\n")[:-1] for path in (folder / "truth").iterdir()}
            if len(found) > 1:
                del found["main"]
            made[words] = Job(ended.stdout, folder / "junit.xml", found)
        return made[words]

    return run
