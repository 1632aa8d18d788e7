"""Git repositories as users have them, away from the settings of whoever runs the tests."""

import os
import subprocess
from pathlib import Path

import pytest
from tests.tools import needed

from flakeproof.revisions.git import without_repository

COMMITTER = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "Somebody"), ("EMAIL", "somebody@example.org"))
}


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration but git's own, and no repository from the environment."""
    needed("git")
    for name in os.environ.keys() - without_repository(os.environ).keys():
        monkeypatch.delenv(name)
    for name, value in {**COMMITTER, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *words: str) -> str:
    """What git prints."""
    return subprocess.run(
        ["git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def write(folder: Path, **files: str) -> None:
    """Write files whose names end in .py."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def commit(folder: Path, **files: str) -> str:
    """Write `files` and commit all that is there; the commit."""
    write(folder, **files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "change")
    return git(folder, "rev-parse", "HEAD").strip()


def new(folder: Path) -> Path:
    """A repository with one commit: lib.py at the top, and tests/test_lib.py."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet")
    write(folder / "tests", test_lib="import lib\n")
    commit(folder, lib="value = 'base'\n")
    return folder


def state(folder: Path) -> dict[str, object]:
    """All that must stay as it is: files, index, stash, branches, worktrees, settings."""
    files = {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts}
    inside = folder / ".git"
    return {
        "files": files,
        "index": (inside / "index").read_bytes(),
        "index changed": (inside / "index").stat().st_mtime_ns,
        "config": (inside / "config").read_bytes(),
        "worktrees": (inside / "worktrees").exists(),
        "told": [
            git(folder, *words.split())
            for words in (
                "--no-optional-locks status --porcelain",
                "stash list",
                "for-each-ref",
                "reflog",
                "worktree list",
            )
        ],
    }


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with one commit."""
    return new(tmp_path / "project")


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """The temporary folder of a run."""
    folder = tmp_path / "flakeproof-temporary"
    folder.mkdir()
    return folder
