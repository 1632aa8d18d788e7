"""`flakeproof gate --changed`: what a branch has added or touched is gated, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof

OLD = """import pytest

def helper(): return 1

@pytest.mark.parametrize("n", [1, 2])
def test_old(n): assert helper() == 1

class TestBox:
    def test_in(self): pass
    def test_out(self): pass
"""


@pytest.fixture
def branch(project: Path) -> Path:
    """A repository whose branch `main` has tests, with another branch checked out that has none of its own yet."""
    for path in project.glob("*.py"):
        path.unlink()
    (project / "tests").mkdir()
    (project / "tests" / "test_old.py").write_text(OLD)
    (project / "tests" / "test_other.py").write_text("def test_other(): assert False\n")
    (project / ".gitignore").write_text(".*\n__pycache__\n")
    git(project, "init", "-q", "-b", "main")
    commit(project)
    git(project, "checkout", "-q", "-b", "change")
    return project


def git(folder: Path, *words: str) -> None:
    """Run git."""
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *words], cwd=folder, check=True)


def commit(folder: Path) -> None:
    """Commit all that is there."""
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "x")


def gated(flakeproof: Flakeproof, *words: str, code: int = 4) -> set[str]:
    """The tests that a gate with too little budget has run."""
    own = ("--max-rate", "1%", "-c", "2", "-w", "1", "--python", sys.executable, "--json", "-")
    ended = flakeproof("gate", "--changed", "main", *own, *words)
    assert ended.returncode == code, ended.stderr
    return {item["item"] for item in json.loads(ended.stdout)["items"]}


def test_touched_and_new_tests_are_gated(flakeproof: Flakeproof, branch: Path) -> None:
    """Committed, not committed, and in files that git does not know yet; with all their parameters, and no other."""
    path = branch / "tests" / "test_old.py"
    path.write_text(OLD.replace("[1, 2]", "[1, 2, 3]"))
    commit(branch)
    path.write_text(path.read_text().replace("test_out(self): pass", "test_out(self): print()"))
    (branch / "tests" / "test_new.py").write_text("def test_new(): pass\n")
    assert gated(flakeproof) == {
        *(f"tests/test_old.py::test_old[{number}]" for number in (1, 2, 3)),
        "tests/test_old.py::TestBox::test_out",
        "tests/test_new.py::test_new",
    }


def test_a_change_outside_of_tests_touches_all_of_the_file(flakeproof: Flakeproof, branch: Path) -> None:
    """A helper may be used by each of them; a comment and an empty line are not."""
    path = branch / "tests" / "test_old.py"
    path.write_text(OLD.replace("return 1", "return 2 - 1"))
    assert len(gated(flakeproof)) == 4
    path.write_text(OLD.replace("def helper", "# of both\n\ndef helper"))
    ended = flakeproof("gate", "--changed", "main", "--max-rate", "1%")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "nothing to gate" in ended.stderr


def test_what_main_has_got_since_is_not_of_the_change(flakeproof: Flakeproof, branch: Path) -> None:
    """The branch is held against the commit at which it left."""
    git(branch, "checkout", "-q", "main")
    (branch / "tests" / "test_of_main.py").write_text("def test_of_main(): assert False\n")
    commit(branch)
    git(branch, "checkout", "-q", "change")
    (branch / "tests" / "test_new.py").write_text("def test_new(): pass\n")
    assert gated(flakeproof) == {"tests/test_new.py::test_new"}


def test_a_changed_conftest_is_said(flakeproof: Flakeproof, branch: Path) -> None:
    """Its fixtures may be anybody's."""
    (branch / "conftest.py").write_text("X = 1\n")
    ended = flakeproof("gate", "--changed", "main", "--max-rate", "1%")
    assert ended.returncode == 0
    assert "conftest.py has changed: which tests that touches is not known" in ended.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--changed", "no-such-branch"), "there is no revision 'no-such-branch'"),
        (("--changed", "--upload-pack=x"), "is not a revision"),
        (("--changed", "main", "tests/test_old.py"), "a target was named as well"),
        (("--changed", "main", "--", "true"), "a target was named as well"),
    ],
)
def test_what_cannot_be_used_is_named(
    flakeproof: Flakeproof, branch: Path, words: tuple[str, ...], message: str
) -> None:
    """Exit status 2."""
    ended = flakeproof("gate", "--max-rate", "1%", *words)
    assert ended.returncode == 2
    assert message in ended.stderr
