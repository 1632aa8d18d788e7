"""A checkout has the files of its revision, disturbs nothing, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tests.integration.revisions.conftest import commit, git, new, state, write
from tests.tools import mostly_long

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import CannotRunError, UsageError
from flakeproof.revisions.checkout import checked_out
from flakeproof.revisions.repository import find


def test_the_users_folder_at_another_revision(project: Path, parent: Path) -> None:
    """A subfolder corresponds to itself; the working tree keeps what is changed, staged, new and stashed."""
    commit(project, lib="value = 'fix'\n")
    write(project, lib="value = 'stashed'\n")
    git(project, "stash", "--quiet")
    write(project, staged="", lib="value = 'staged'\n")
    git(project, "add", "--all")
    write(project, lib="value = 'changed'\n", new="")
    before = state(project)
    repository = find(project / "tests")
    with checked_out(repository, repository.resolve("HEAD~1"), parent) as folder:
        assert folder.name == "tests"
        assert sorted(path.name for path in folder.iterdir()) == ["test_lib.py"]
        top = repository.top(folder)
        assert top.parent == parent
        assert sorted(path.name for path in top.iterdir()) == [".git", "lib.py", "tests"]
        assert (top / "lib.py").read_text() == "value = 'base'\n"
        write(top, lib="value = 'of a test'\n", left="")
        (folder / "locked").mkdir()
        (folder / "locked" / "file").touch()
        (folder / "locked").chmod(0)
        folder.chmod(0o555)
    assert list(parent.iterdir()) == []
    assert state(project) == before


def test_from_the_top_and_from_a_worktree(project: Path, parent: Path, tmp_path: Path) -> None:
    """A worktree of the user's stays, also one whose files are gone."""
    for name in ("kept", "gone", "flakeproof-base-fix"):
        git(project, "worktree", "add", "--quiet", "--detach", str(tmp_path / name))
    for name in ("gone", "flakeproof-base-fix"):
        (tmp_path / name).rename(tmp_path / f"{name}-elsewhere")
    before = state(project)
    for place in (project, tmp_path / "kept"):
        with checked_out(find(place), "HEAD", parent) as folder:
            assert (folder / "lib.py").is_file()
            assert git(folder, "rev-parse", "--abbrev-ref", "HEAD") == "HEAD\n"
    assert state(project) == before


def test_a_worktree_of_a_bare_repository(project: Path, parent: Path, tmp_path: Path) -> None:
    """Some have all their working trees beside a repository without one."""
    git(tmp_path, "clone", "--quiet", "--bare", str(project), "bare")
    git(tmp_path / "bare", "worktree", "add", "--quiet", str(tmp_path / "work"), "main")
    repository = find(tmp_path / "work" / "tests")
    with checked_out(repository, repository.resolve("main"), parent) as folder:
        assert (folder / "test_lib.py").is_file()
    assert len(git(tmp_path / "bare", "worktree", "list").splitlines()) == 2


def test_a_part_of_the_files(project: Path, parent: Path) -> None:
    """Where the user has chosen some folders only (a sparse checkout), both sides have the same ones."""
    write(project / "large", large="")
    commit(project)
    git(project, "sparse-checkout", "set", "tests")
    before = state(project)
    repository = find(project / "tests")
    assert repository.is_same("HEAD", None)
    with checked_out(repository, "HEAD", parent) as folder:
        assert sorted(path.name for path in folder.parent.iterdir()) == [".git", "lib.py", "tests"]
    assert state(project) == before


def test_a_folder_that_was_not_there(project: Path, parent: Path) -> None:
    """That is said, and nothing is left."""
    write(project / "later", test_later="")
    commit(project)
    before = state(project)
    repository = find(project / "later")
    with pytest.raises(UsageError, match="there is no folder later in revision"):
        checked_out(repository, repository.resolve("HEAD~1"), parent).__enter__()
    assert list(parent.iterdir()) == []
    assert state(project) == before


def test_an_exception_inside(project: Path, parent: Path) -> None:
    """It comes through, and nothing is left."""
    before = state(project)
    with pytest.raises(ZeroDivisionError), checked_out(find(project), "HEAD", parent):
        _ = 1 / 0
    assert list(parent.iterdir()) == []
    assert state(project) == before


def test_git_fails(project: Path, parent: Path) -> None:
    """Its reason is told; what is half done goes."""
    blob = git(project, "rev-parse", "HEAD:lib.py").strip()
    (project / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(CannotRunError, match=f"git cannot check .* out: .*{blob}"):
        checked_out(find(project), "HEAD", parent).__enter__()
    assert list(parent.iterdir()) == []
    assert not (project / ".git" / "worktrees").exists()


def test_neither_hooks_nor_a_locked_index(project: Path, parent: Path) -> None:
    """A checkout is no occasion for the user's scripts; another git at work does not matter."""
    hook = project / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch hook-ran\nexit 1\n")
    hook.chmod(0o755)
    (project / ".git" / "index.lock").touch()
    before = state(project)
    with checked_out(find(project), "HEAD", parent) as folder:
        assert sorted(path.name for path in folder.iterdir()) == [".git", "lib.py", "tests"]
    assert state(project) == before


def test_inside_a_hook(project: Path, parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commit that is being made, and its index, are left alone."""
    monkeypatch.setenv("GIT_DIR", ".git")
    monkeypatch.setenv("GIT_WORK_TREE", ".")
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    with checked_out(find(project / "tests"), "HEAD", parent) as folder:
        assert (folder / "test_lib.py").is_file()
    assert not (tmp_path / "index").exists()


def test_two_at_once(project: Path, parent: Path) -> None:
    """Several of the same commit do not get into each other's way."""
    before = state(project)
    together = threading.Barrier(4, timeout=60)

    def check(number: int) -> Path:
        with checked_out(find(project), "HEAD", parent) as folder:
            together.wait()
            assert (folder / "lib.py").is_file()
        for _ in range(3):
            with checked_out(find(project), "HEAD", parent) as another:
                assert (another / "lib.py").is_file()
        return folder

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(check, range(4)))) == 4
    assert list(parent.iterdir()) == []
    assert state(project) == before


def test_a_shallow_clone(project: Path, parent: Path, tmp_path: Path) -> None:
    """What it has can be checked out."""
    commit(project, lib="value = 'fix'\n")
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{project}", "clone")
    with checked_out(find(tmp_path / "clone"), "HEAD", parent) as folder:
        assert (folder / "lib.py").read_text() == "value = 'fix'\n"


@pytest.fixture
def nested(project: Path, tmp_path: Path) -> Path:
    """The project with a submodule in a submodule; its first commit with them has other ones than its second."""
    innermost, inner = new(tmp_path / "innermost"), new(tmp_path / "inner")
    git(inner, "submodule", "--quiet", "add", "--name", "named", str(innermost), "deep")
    commit(inner)
    git(project, "submodule", "--quiet", "add", str(inner), "parts/inner")
    git(project, "submodule", "--quiet", "update", "--init", "--recursive")
    commit(project)
    commit(project / "parts" / "inner" / "deep", lib="value = 'deep fix'\n")
    commit(project / "parts" / "inner", lib="value = 'inner fix'\n")
    commit(project, lib="value = 'fix'\n")
    for origin in (inner, innermost):
        origin.rename(origin.with_name(f"{origin.name}-unreachable"))
    return project


def values(folder: Path) -> list[str]:
    """What lib.py says at the top and in both submodules."""
    places = ("lib.py", "parts/inner/lib.py", "parts/inner/deep/lib.py")
    return [(folder / place).read_text().partition("'")[2].partition("'")[0] for place in places]


def test_submodules(nested: Path, parent: Path) -> None:
    """They are at the recorded commits, without anything being fetched, whatever the user does in them."""
    write(nested / "parts" / "inner", lib="value = 'dirty'\n")
    inner = nested / ".git" / "modules" / "parts" / "inner"
    before = state(nested), (inner / "config").read_bytes(), (inner / "index").read_bytes()
    repository = find(nested)
    with checked_out(repository, repository.resolve("HEAD~1"), parent) as base:
        assert values(base) == ["base", "base", "base"]
        assert git(base, "status", "--porcelain", "--ignore-submodules=none") == ""
        with checked_out(repository, repository.resolve("HEAD"), parent) as fix:
            assert values(fix) == ["fix", "inner fix", "deep fix"]
    assert list(parent.iterdir()) == []
    assert (state(nested), (inner / "config").read_bytes(), (inner / "index").read_bytes()) == before
    assert list(nested.rglob("worktrees")) == []


def test_in_a_submodule(nested: Path, parent: Path) -> None:
    """A submodule is a repository, too."""
    repository = find(nested / "parts" / "inner" / "tests")
    with checked_out(repository, repository.resolve("HEAD~1"), parent) as folder:
        assert (folder.parent / "lib.py").read_text() == "value = 'base'\n"
    assert list(nested.rglob("worktrees")) == []


def test_a_submodule_that_the_fix_has_removed(nested: Path, parent: Path) -> None:
    """What git has kept of it is enough."""
    git(nested, "rm", "--quiet", "--force", "parts/inner")
    commit(nested)
    assert not list(nested.glob("parts/*")), git(nested, "status")
    repository = find(nested)
    with checked_out(repository, repository.resolve("HEAD~1"), parent) as folder:
        assert values(folder) == ["fix", "inner fix", "deep fix"]
    assert list(nested.rglob("worktrees")) == []


def test_a_submodule_that_is_not_used(nested: Path, parent: Path, tmp_path: Path) -> None:
    """Where the user has none of its files, the checkout has none."""
    git(tmp_path, "clone", "--quiet", str(nested), "clone")
    with checked_out(find(tmp_path / "clone"), "HEAD", parent) as folder:
        assert list((folder / "parts" / "inner").iterdir()) == []
    git(nested, "submodule", "--quiet", "deinit", "--force", "--all")
    with checked_out(find(nested), "HEAD", parent) as folder:
        assert list((folder / "parts" / "inner").iterdir()) == []


def test_a_commit_of_a_submodule_is_missing(nested: Path, parent: Path) -> None:
    """It is named, and what is there already goes."""
    missing = "1" * 40
    git(nested, "update-index", "--cacheinfo", f"160000,{missing},parts/inner")
    git(nested, "commit", "--quiet", "--message", "not pushed")
    with pytest.raises(CannotRunError, match="submodule parts/inner: commit 111111111111") as caught:
        checked_out(find(nested), "HEAD", parent).__enter__()
    assert caught.value.remedy == f"fetch it: git -C parts/inner fetch origin {missing}"
    assert list(parent.iterdir()) == []
    assert list(nested.rglob("worktrees")) == []


HOLDING = """
import sys, time
from pathlib import Path
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.revisions.checkout import checked_out
from flakeproof.revisions.repository import find
with temporary_root() as root, checked_out(find(Path.cwd()), "HEAD", Path(root)) as folder:
    print(folder, flush=True)
    time.sleep(60)
"""


def ended(project: Path, temporary: Path, number: signal.Signals) -> tuple[Path, int]:
    """The checkout that a process had when signal `number` ended it, and its exit status."""
    words = [sys.executable, "-c", HOLDING]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(words, cwd=project, env=environment, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().strip())
        assert (folder / "lib.py").is_file()
        process.send_signal(number)
        process.communicate(timeout=60)
        return folder, process.returncode


@mostly_long(
    ("number", "status"),
    [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGQUIT, 143)],
    first=2,
)
def test_a_signal(nested: Path, tmp_path: Path, number: signal.Signals, status: int) -> None:
    """Interrupted and terminated processes clear up."""
    before = state(nested)
    folder, seen = ended(nested, tmp_path, number)
    assert (folder.exists(), seen) == (False, status)
    assert state(nested) == before
    assert list(nested.rglob("worktrees")) == []


def test_a_signal_while_git_is_at_work(project: Path, tmp_path: Path) -> None:
    """Git ends with what it has started, and what it has made by then goes."""
    (project / ".gitattributes").write_text("*.py filter=slow\n")
    commit(project)
    seconds = f"64.{os.getpid()}"  # nobody else sleeps as long
    git(project, "config", "filter.slow.smudge", f"touch '{tmp_path}/begun'; sleep {seconds}")
    before = state(project)
    words, environment = [sys.executable, "-c", HOLDING], {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(words, cwd=project, env=environment, stdout=-1, stderr=-1) as process:
        deadline = time.monotonic() + 30
        while not (tmp_path / "begun").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
        assert process.returncode == 143
    assert list(tmp_path.glob("flakeproof-*")) == []
    assert state(project) == before
    running = [other.info["cmdline"] for other in psutil.process_iter(["cmdline"])]
    assert ["sleep", seconds] not in running


def test_a_killed_process(nested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run removes its files, and what git knows of them, in submodules, too."""
    before = state(nested)
    folder, _ = ended(nested, tmp_path, signal.SIGKILL)
    assert folder.exists()
    assert len(git(nested, "worktree", "list").splitlines()) == 2
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_root():  # that of any run
        assert not folder.exists()
        assert len(git(nested, "worktree", "list").splitlines()) == 1
    assert state(nested) == before
    assert list(nested.rglob("worktrees")) == []
