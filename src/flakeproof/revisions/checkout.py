"""The files of a revision in a git worktree beside those of the user, and what is built there before tests can run."""

import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flakeproof.errors import BuildFailedError, CannotRunError, FlakeproofError, UsageError
from flakeproof.revisions import process
from flakeproof.revisions.git import Git, without_repository
from flakeproof.revisions.process import held_back, termination_unwinds
from flakeproof.revisions.repository import LINK, Repository
from flakeproof.text import plural, whole_duration
from flakeproof.worktrees import alone_in, record, record_of, remove_empty
from flakeproof_worker.system import folders

_PREFIX = "flakeproof-base-"
_OURS = re.compile(rf"(.+)/{_PREFIX}[0-9a-f]{{16}}(?:/.*)?")
"""A worktree of ours, or that of a submodule in one; before it, the temporary folder of the run."""


@contextmanager
def checked_out(repository: Repository, commit: str, parent: Path) -> Iterator[Path]:
    """The files of `commit` in a folder below `parent`; yields what is the user's folder there.

    Submodules that the user has are there, too, at the commits recorded in `commit`. Nothing of a submodule is
    fetched, no hook runs, and the user's own files, index and branches stay as they are. All goes at the end; should
    this process be killed before, who removes `parent` clears the repository of it (`flakeproof.worktrees`), or the
    next checkout does.

    Raises UsageError if the user's folder is not in that revision, CannotRunError if git cannot make the checkout.
    """
    made = _Checkout(parent.resolve() / f"{_PREFIX}{secrets.token_hex(8)}")
    with termination_unwinds():
        try:
            made.add(repository.git, repository.root, commit, made.folder)
            folder = made.folder / repository.folder
            if not folder.is_dir():
                raise UsageError(
                    f"there is no folder {repository.folder} in revision {commit[:12]}",
                    "run it from a folder that both revisions have",
                )
            yield folder
        finally:
            with held_back():
                made.remove()


@dataclass(frozen=True)
class _Checkout:
    """A worktree, with worktrees of its submodules in it: all share the objects that the user has."""

    folder: Path
    registered: list[tuple[Git, Path, Path]] = field(default_factory=list)
    """For each worktree git in the repository that knows of it, the folder of that repository, and its own."""

    def add(self, git: Git, work_tree: Path, commit: str, folder: Path) -> None:
        """Check `commit` out into `folder`; the user has the files of that repository in `work_tree`."""
        common = _common_folder(git)
        with alone_in(common):
            _forget_deserted(git)
            self.registered.append((git, common, folder))
            record(self.folder, common, folder)
            git.do(f"check {commit[:12]} out", "worktree", "add", "--detach", str(folder), commit)
        for path, linked in _links(git, commit).items():
            clones = self._clones(git, work_tree / path, _name(git, commit, path))
            having = [clone for clone in clones if clone.ask("cat-file", "-e", f"{linked}^{{commit}}").is_good]
            if having:
                self.add(having[0], work_tree / path, linked, folder / path)
            elif clones:
                raise CannotRunError(
                    f"submodule {path}: commit {linked[:12]}, as in {commit[:12]}, is not in its local clone",
                    f"fetch it: git -C {path} fetch origin {linked}",
                )

    def remove(self) -> None:
        """Remove the files, and what the repositories know of them; nothing is left of a checkout that failed."""
        folders.remove(str(self.folder))  # git gives up at a folder without permissions, and at submodules
        for git, common, folder in reversed(self.registered):
            with suppress(OSError, FlakeproofError), alone_in(common):  # the repository itself may have gone
                _forget(git, str(folder))
                remove_empty(common)
        record_of(self.folder).unlink(missing_ok=True)

    def _clones(self, git: Git, work_tree: Path, name: str) -> list[Git]:
        """Where objects of a submodule can be: what the user works in, and what is kept of one that is gone there."""
        found = [Git(work_tree)] if (work_tree / ".git").exists() else []
        if not found and work_tree.is_dir() and not any(work_tree.iterdir()):
            return []  # the user does without it, and so do both sides
        kept = _common_folder(git) / "modules" / name
        if (kept / "HEAD").is_file():
            # It says where its files are, which need not exist any more.
            found.append(Git(self.folder.parent, {"GIT_DIR": str(kept), "GIT_WORK_TREE": str(self.folder.parent)}))
        return found


def _common_folder(git: Git) -> Path:
    """The folder of the repository that all of its worktrees share."""
    return (git.folder / git.do("find the repository", "rev-parse", "--git-common-dir").line).resolve()


def _links(git: Git, commit: str) -> dict[str, str]:
    """The commits of the submodules in `commit`, by path."""
    entries = git.do(f"list the files of {commit[:12]}", "ls-tree", "-r", "-z", "--full-tree", commit).fields
    parts = (entry.partition("\t") for entry in entries if entry.startswith(LINK))
    return {path: words.split()[2] for words, _, path in parts}


def _name(git: Git, commit: str, path: str) -> str:
    """The name of the submodule at `path`, which a move leaves as it was."""
    words = ("config", "-z", "--blob", f"{commit}:.gitmodules", "--get-regexp", r"^submodule\..*\.path$")
    for entry in git.ask(*words).fields:
        key, _, value = entry.partition("\n")
        if value == path:
            return key.removeprefix("submodule.").removesuffix(".path")
    return path


def _forget_deserted(git: Git) -> None:
    """Forget the worktrees of runs that were killed and whose temporary folder is gone; nobody else's."""
    for line in git.do("list the worktrees", "worktree", "list", "--porcelain").output.splitlines():
        path = line.removeprefix("worktree ")
        if path != line and (ours := _OURS.fullmatch(path)) and not Path(ours[1]).exists():
            _forget(git, path)


def _forget(git: Git, path: str) -> None:
    """Let git forget a worktree without files. What it will not forget now, the next run tries again."""
    git.ask("worktree", "remove", "--force", "--force", path)


_SHELL = "/bin/sh"
_HEAD, _TAIL = 2_000, 6_000
"""Bytes of the output that are shown: how it began, and why it failed."""


def build(
    arm: str,
    command: str,
    folder: Path,
    environment: Mapping[str, str],
    output: Path | None = None,
    limit: float | None = None,
) -> None:
    """Build `arm`: run `command` with the shell in `folder`; its whole output goes to the file `output`.

    `environment` is on top of our own, from which a git hook's idea of the repository is taken away. The command and
    all that it has started end with us, should we be interrupted, and after `limit` seconds. Raises BuildFailedError
    if the command fails, CannotRunError if it cannot be started or takes longer.
    """
    whole = {**without_repository(os.environ), **environment}
    try:
        with tempfile.TemporaryFile() if output is None else output.open("w+b") as file:
            status = process.run([_SHELL, "-c", command], folder, whole, file, file, limit)
            if status:
                raise BuildFailedError(arm, command, status, _ends(file))
    except subprocess.TimeoutExpired:
        raise CannotRunError(
            f"the build of the {arm} took longer than {whole_duration(limit or 0)}: {command}", "allow it more time"
        ) from None
    except (OSError, ValueError) as error:
        raise CannotRunError(f"the build of the {arm} cannot be started: {error}") from None


def _ends(file: IO[bytes]) -> str:
    """The beginning and the end of what is in `file`, in whole lines where they are left out between."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size <= _HEAD + _TAIL:
        return file.read().decode(errors="replace")
    head = file.read(_HEAD).rpartition(b"\n")
    file.seek(size - _TAIL)
    tail = file.read().partition(b"\n")
    first, last = (head[0] or head[2]), (tail[2] or tail[0])
    left_out = plural(size - len(first) - len(last), "byte")
    return f"{first.decode(errors='replace')}\n[… {left_out} left out …]\n{last.decode(errors='replace')}"
