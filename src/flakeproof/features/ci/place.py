"""Where a job is run again: the files of its commit, the interpreter, and what pytest collects there."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flakeproof.errors import FlakeproofError, UsageError
from flakeproof.features.ci.case import Case
from flakeproof.revisions import imports
from flakeproof.revisions.checkout import checked_out
from flakeproof.revisions.git import without_repository
from flakeproof.revisions.repository import Repository, find
from flakeproof.targets import interpreter

_SHOWN = 12


@dataclass(frozen=True)
class CiPlace:
    """A folder in which the tests of the job are."""

    folder: Path
    python: str
    python_from: str
    commit: str = ""
    """Full id of the commit that is checked out there; "" where it is the working tree as it is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What makes the interpreter import the code that is there."""
    notes: tuple[str, ...] = ()
    """In what it is not as in CI."""

    paths: tuple[str, ...] = ()
    """The folders for that."""

    @property
    def typed(self) -> str:
        """What is typed in a shell before a command, so that it runs on these files; "" for the working tree."""
        if not self.commit:
            return ""
        name = shlex.quote(f"../{Path.cwd().name}-{self.commit[:_SHOWN]}")
        return f"git worktree add --detach {name} {self.commit[:_SHOWN]} && cd {name} && "


@contextmanager
def place_of(case: Case, home: Path, asked_python: str | None, parent: Path) -> Iterator[CiPlace]:
    """The files of the job's commit in a worktree below `parent`, where there is a repository that has it.

    Else, and where nothing differs, the working tree in `home`; the notes say why. Raises UsageError for an interpreter
    that there is not.
    """
    python = interpreter.choose(asked_python, home, os.environ, for_tests=True)
    commit, notes = case.value("commit"), []
    with ExitStack() as stack:
        try:
            repository = find(home)
        except UsageError as error:
            yield CiPlace(home, python.path, python.why, notes=(f"the files are those that are here: {error.message}",))
            return
        if commit is None:
            notes.append("the commit of the job is not known: the files are those that are here")
        elif (full := _known(repository, commit)) is None:
            notes.append(f"commit {commit[:_SHOWN]} of the job is not in this repository (git fetch origin {commit}?)")
            notes.append("the files are those that are here")
        elif not _is_here(repository, full):
            try:
                folder = stack.enter_context(checked_out(repository, full, parent))
                here = repository.root / repository.folder
                paths = imports.paths_for(python.path, repository.root, repository.top(folder), here)
                environment = {"PYTHONPATH": imports.first_on(paths, os.environ)} if paths else {}
                yield CiPlace(folder, python.path, python.why, full, environment, paths=tuple(paths))
                return
            except UsageError as error:
                notes.append(
                    f"commit {commit[:_SHOWN]} cannot be used: {error.message}; the files are those that are here"
                )
        yield CiPlace(home, python.path, python.why, notes=tuple(notes))


def _known(repository: Repository, commit: str) -> str | None:
    try:
        return repository.resolve(commit)
    except FlakeproofError:
        return None


def _is_here(repository: Repository, commit: str) -> bool:
    """Whether the working tree has the content of the commit; files unknown to git do not count."""
    git = repository.git
    return git.ask("diff", "--quiet", "--no-ext-diff", commit, "--").is_good


def clean_environment() -> None:
    """Take out of the environment what git has set for a hook: what runs in a worktree must not find another one."""
    for name in os.environ.keys() - without_repository(os.environ).keys():
        del os.environ[name]
