"""The tests of a pass from the last to the first."""

from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite, kept_processes

from flakeproof.errors import UsageError

TESTS = """
import pytest
from pathlib import Path

def note(what):
    with Path(__file__).with_name("order").open("a") as file:
        file.write(f"{what}\\n")

@pytest.fixture(scope="module")
def module():
    note("module")
    yield
    note("module's end")

class TestA:
    @pytest.fixture(scope="class", autouse=True)
    def around(self, module):
        note("class")
        yield
        note("class's end")

    def test_one(self): note("one")
    def test_two(self): note("two")

def test_three(): note("three")
"""


@kept_processes
def test_each_pass_is_reversed(suite: Suite, isolation: str) -> None:
    """Fixtures of classes and modules begin and end once in each pass, around what uses them."""
    suite.write(test_it=TESTS)
    suite.run("test_it.py", count=2, isolation=isolation, workers=1, reverse=True)

    one_pass = ["three", "module", "class", "two", "one", "class's end", "module's end"]
    assert (suite.folder / "order").read_text().split("\n")[:-1] == one_pass * 2


def test_not_together_with_another_order(suite: Suite) -> None:
    """Both are named; of a project's setting and an option the option wins."""
    suite.write(test_it=TESTS)
    with pytest.raises(UsageError, match=r"shuffle= and reverse=|reverse= and shuffle="):
        suite.run("test_it.py", count=2, reverse=True, shuffle=True)

    (Path(suite.folder) / "pyproject.toml").write_text("[tool.flakeproof]\nshuffle = true\n")
    seen = suite.run("test_it.py", count=2, reverse=True, isolation="shared")
    assert seen.summary.passed == 2
    assert (suite.folder / "order").read_text().split("\n").count("three") == 2
    (Path(suite.folder) / "pyproject.toml").write_text("[tool.flakeproof]\nreverse = true\n")
    (suite.folder / "order").unlink()
    suite.run("test_it.py", count=6, shuffle=True, isolation="shared", workers=1, seed=3)
    lines = (suite.folder / "order").read_text().split("\n")
    tests = [line for line in lines if line in ("one", "two", "three")]
    assert len({tuple(tests[start : start + 3]) for start in range(0, 18, 3)}) > 1
