"""`flakeproof verify`, as a user runs it: in a git repository, with a fix that is not committed."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import mostly_long, needed

pytestmark = pytest.mark.usefixtures("few_plugins")
SHOP = """
import os

def price():
    return 2 if int(os.environ["FLAKEPROOF_SEED"]) % 5 == 0 else 1
"""
FIXED = "def price():\n    return 1\n"
TEST = """
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "src"))
from shop import price

def test_price():
    assert price() == 1
"""


@pytest.fixture
def shop(project: Path, environment: dict[str, str]) -> Path:
    """A repository with a flaky test in a subfolder, committed; and a fix in the working tree."""
    needed("git")
    environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for folder in ("src", "tests"):
        (project / folder).mkdir()
    (project / "src" / "shop.py").write_text(SHOP)
    (project / "tests" / "test_shop.py").write_text(TEST)
    (project / ".gitignore").write_text(".flakeproof/\n__pycache__/\n.pytest_cache/\n")
    git(project, "init", "--quiet", "--initial-branch=main")
    commit(project)
    (project / "src" / "shop.py").write_text(FIXED)
    return project


def git(folder: Path, *words: str) -> str:
    """What git prints, away from the settings of whoever runs the tests."""
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    who = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]
    done = subprocess.run(["git", *who, *words], cwd=folder, env=settings, capture_output=True, text=True, check=True)
    return done.stdout


def commit(folder: Path) -> None:
    """Commit all that is there."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


NODE = "tests/test_shop.py::test_price"


def test_the_fix_in_the_working_tree(flakeproof: Flakeproof, shop: Path) -> None:
    """It is told from HEAD, and nothing of the repository changes."""
    (shop / "notes.txt").write_text("nobody has told git of this")
    before = git(shop, "status", "--porcelain"), git(shop, "stash", "list"), (shop / ".git" / "index").read_bytes()
    head = git(shop, "rev-parse", "HEAD").strip()
    done = flakeproof("verify", NODE, "-w", "1", "--seed", "3", "--json", "out.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^Fixed: base failed in 8 of \d+ tests, fix failed in 0", done.stdout, re.M)
    assert "at tests/test_shop.py:7" in done.stdout
    assert "1 file unknown to git: in the fix only (notes.txt)" in done.stderr
    summary = json.loads((shop / "out.json").read_text())
    assert (summary["base"]["revision"], summary["fix"]["revision"]) == (head, "")
    (shop / "out.json").unlink()
    after = git(shop, "status", "--porcelain"), git(shop, "stash", "list"), (shop / ".git" / "index").read_bytes()
    assert before == after
    assert len(git(shop, "worktree", "list").splitlines()) == 1


@pytest.mark.long
def test_two_revisions_from_a_subfolder(flakeproof: Flakeproof, shop: Path) -> None:
    commit(shop)
    words = ("test_shop.py::test_price", "--base", "HEAD~1", "--fix", "HEAD", "--seed", "3", "--error", "10%")
    done = flakeproof("verify", *words, "--json", "-", cwd=shop / "tests")
    summary = json.loads(done.stdout)
    assert (summary["verdict"], summary["base_lost"]) == ("fixed", 5)
    assert len(git(shop, "worktree", "list").splitlines()) == 1


@pytest.mark.long
def test_a_fix_that_does_nothing(flakeproof: Flakeproof, shop: Path) -> None:
    """The same failure in both arms is one kind, wherever it is checked out."""
    (shop / "src" / "shop.py").write_text(f"# better\n{SHOP}")
    done = flakeproof("verify", NODE, "-w", "1", "--seed", "3", "--error", "5%", "--json", "-")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["verdict"]) == (1, "not fixed")
    (kind,) = summary["kinds"]
    assert kind["base"]
    assert kind["fix"]


@pytest.mark.long
def test_builds(flakeproof: Flakeproof, shop: Path) -> None:
    """Each arm is built by itself; a build that fails is told apart from a test that fails."""
    words = ("-w", "1", "--seed", "3", "--", "sh", "-c", "python3 built.py")
    (shop / ".gitignore").write_text((shop / ".gitignore").read_text() + "built.py\n")
    build = "(cat src/shop.py; echo 'assert price() == 1') > built.py"
    done = flakeproof("verify", "--build", build, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fixed: base failed in 8 of" in done.stdout
    failed = flakeproof("verify", "--build", "echo no compiler; exit 4", *words)
    assert failed.returncode == 3
    assert "the build of the base failed (exit status 4)" in failed.stderr
    assert "no compiler" in failed.stderr


@pytest.mark.long
def test_inside_of_a_hook(flakeproof: Flakeproof, shop: Path) -> None:
    """What git tells its hooks leads neither us nor the tests astray."""
    hook = {"GIT_DIR": str(shop / ".git"), "GIT_INDEX_FILE": str(shop / ".git" / "index"), "GIT_WORK_TREE": str(shop)}
    done = flakeproof("verify", NODE, "--seed", "3", "--error", "10%", env=hook)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_an_editable_install_does_not_compare_the_fix_with_itself(flakeproof: Flakeproof, shop: Path) -> None:
    """The working tree is on the path of the interpreter; the base imports its own code all the same."""
    text = (shop / "tests" / "test_shop.py").read_text()
    (shop / "tests" / "test_shop.py").write_text(
        "\n".join(line for line in text.splitlines() if "sys.path" not in line)
    )
    git(shop, "stash")
    (shop / "tests" / "test_shop.py").write_text(
        "\n".join(line for line in text.splitlines() if "sys.path" not in line)
    )
    commit(shop)
    (shop / "src" / "shop.py").write_text(FIXED)
    path = {"PYTHONPATH": str(shop / "src")}
    done = flakeproof("verify", NODE, "--seed", "3", "--error", "10%", env=path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_resume_wants_the_same_working_tree(flakeproof: Flakeproof, shop: Path) -> None:
    words = ("verify", NODE, "--seed", "3", "--error", "1e-3")
    first = json.loads(flakeproof(*words, "-c", "20", "--json", "-").stdout)
    assert first["verdict"] == "inconclusive"
    second = flakeproof(*words, "--resume", first["run_id"], "--json", "-")
    assert json.loads(second.stdout)["verdict"] == "fixed", second.stderr
    (shop / "src" / "shop.py").write_text(f"{FIXED}# more\n")
    third = flakeproof(*words, "--resume", first["run_id"])
    assert third.returncode == 2
    assert "that comparison differs in " in third.stderr


@mostly_long(
    ("words", "message", "code"),
    [
        ([NODE, "--base", "nosuch"], "there is no revision 'nosuch'", 2),
        (["tcprtt"], "tcprtt ships with flakeproof and is in no repository", 2),
        (["tests/test_shop.py::test_absent"], "not found", 2),
        (["tests/test_new.py"], "base: pytest: ", 2),
        ([NODE, "--error", "0"], "not between 0 and 1", 2),
    ],
    first=1,
)
def test_bad_input(flakeproof: Flakeproof, shop: Path, words: list[str], message: str, code: int) -> None:
    (shop / "tests" / "test_new.py").write_text("def test_new(): pass\n")
    done = flakeproof("verify", *words)
    assert (message in done.stderr, done.returncode) == (True, code), done.stderr
    assert not (shop / ".flakeproof").exists()
    assert len(git(shop, "worktree", "list").splitlines()) == 1


@pytest.mark.long
def test_nothing_to_compare(flakeproof: Flakeproof, shop: Path, project: Path) -> None:
    """The same content in both arms, no repository, and paths that lead out of the checkout."""
    alias = shop.parent / "alias"
    alias.symlink_to(shop)
    for path in (f"{shop}/{NODE}", f"{alias}/{NODE}", str(alias)):
        absolute = flakeproof("verify", path)
        assert absolute.returncode == 2
        assert "leads to the working tree in both arms" in absolute.stderr
    commit(shop)
    same = flakeproof("verify", NODE)
    assert same.returncode == 2
    assert "the working tree has the same content as the base" in same.stderr
    assert "--base HEAD~1" in same.stderr
    outside = flakeproof("verify", "targets:fails", cwd=shop.parent)
    assert outside.returncode == 2
    assert "is in no git repository" in outside.stderr
