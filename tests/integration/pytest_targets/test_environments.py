"""flakeproof in one environment, the tests in another: only pytest is needed there, and is told when it is too old."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite
from tests.integration.pytest_targets.test_outcomes import check_outcomes
from tests.tools import other_python

from flakeproof.errors import CannotRunError

pytestmark = pytest.mark.long  # pip has to fetch what is in these environments

EnvironmentWith = Callable[..., str]
PYTESTS = ["pytest==7.4.4", "pytest==8.4.2", "pytest==9.0.2"]
each_isolation = pytest.mark.parametrize("isolation", ["shared", "fork", "fresh"])

ENDINGS = """
    import os, signal, threading
    import pytest

    TRIAL = lambda: int(os.environ["FLAKEPROOF_TRIAL"])

    def test_crashes():
        if TRIAL() == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    def test_hangs():
        if TRIAL() == 2:
            threading.Event().wait()

    @pytest.fixture(scope="class")
    def untidy():
        yield
        assert TRIAL() != 3, "not clean"

    class TestClass:
        def test_first(self, untidy): pass

        def test_last(self, untidy): pass

    def test_alone():
        import sys
        assert not [name for name in sys.modules if name.partition(".")[0] in ("flakeproof", "msgspec", "typer")]
"""


@pytest.mark.parametrize(("requirement", "isolation"), [*zip(PYTESTS, ["shared", "fork", "fresh"], strict=True)])
def test_outcomes(suite: Suite, environment_with: EnvironmentWith, requirement: str, isolation: str) -> None:
    """They are those of that pytest: fixtures, doctests, unittest, marks, ids of every kind."""
    suite.python = environment_with(requirement)
    check_outcomes(suite, isolation)


@pytest.mark.parametrize(("requirement", "isolation"), [*zip(PYTESTS, ["fork", "shared", "fork"], strict=True)])
def test_sudden_ends(suite: Suite, environment_with: EnvironmentWith, requirement: str, isolation: str) -> None:
    """A crash and a hanging test are named; what fails at the teardown of a class is its own."""
    suite.python = environment_with(requirement)
    suite.write(test_it=ENDINGS)
    seen = suite.run("test_it.py", isolation=isolation, count=4, workers=2, timeout=3)
    assert {failure.trial: (failure.outcome, failure.item) for failure in seen.failures} == {
        1: ("crashed", "test_it.py::test_crashes"),
        2: ("timed out", "test_it.py::test_hangs"),
        3: ("failed", "test_it.py::TestClass (teardown)"),
    }
    assert [seen.item(name).failed for name in ("::test_first", "::test_last", "::test_alone")] == [0, 0, 0]
    assert seen.item("::test_alone").passed >= 2


@pytest.mark.parametrize("isolation", ["shared", "fresh"])
def test_another_python(suite: Suite, environment_with: EnvironmentWith, isolation: str) -> None:
    """The version need not be that of flakeproof's own."""
    python = other_python(lambda version: version >= (3, 11))
    suite.python = environment_with("pytest==8.4.2", python=python)
    check_outcomes(suite, isolation)


@pytest.mark.parametrize("place", ["active", "project"])
def test_environments_are_found(suite: Suite, environment_with: EnvironmentWith, place: str) -> None:
    """Without --python the active environment is taken, else the one in the project."""
    suite.write(test_it="import pytest\ndef test_it(): assert pytest.__version__ == '7.4.4'\n")
    folder = Path(environment_with("pytest==7.4.4")).parent.parent
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if place == "active":
        environment["VIRTUAL_ENV"] = str(folder)
    else:
        (suite.folder / ".venv").symlink_to(folder)
    done = subprocess.run(
        [sys.executable, "-m", "flakeproof", "run", "-c", "2", "test_it.py"],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Total tests: 2" in done.stdout


def test_an_old_pytest(suite: Suite, environment_with: EnvironmentWith) -> None:
    """It is told with its version, and what to do."""
    suite.python = environment_with("pytest==6.2.5")
    suite.write(test_it="def test_it(): pass\n")
    with pytest.raises(CannotRunError) as raised:
        suite.run("test_it.py")
    assert raised.value.exit_code == 3
    assert raised.value.message == f"{suite.python} has pytest 6.2.5; flakeproof drives pytest 7 or later"
    assert "--python" in raised.value.remedy


@each_isolation
def test_an_old_python(suite: Suite, isolation: str) -> None:
    """So is that: one sentence, no traceback."""
    suite.python = other_python(lambda version: version < (3, 11))
    suite.write(test_it="def test_it(): pass\n")
    with pytest.raises(CannotRunError) as raised:
        suite.run("test_it.py", isolation=isolation)
    assert raised.value.exit_code == 3
    assert f"{suite.python} is Python 3." in raised.value.message
    assert "need Python 3.11 or later" in raised.value.message
    assert "--python" in raised.value.remedy
    assert not raised.value.details
