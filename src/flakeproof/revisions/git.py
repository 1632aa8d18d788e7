"""How git is called: for one folder, whatever the environment says, without hooks and without touching the index."""

import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

from flakeproof.errors import CannotRunError, UsageError
from flakeproof.revisions import process
from flakeproof.text import one_line

_OF_A_REPOSITORY = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_QUARANTINE_PATH",
    "GIT_REFLOG_ACTION",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
    "GIT_GLOB_PATHSPECS",
    "GIT_ICASE_PATHSPECS",
    "GIT_LITERAL_PATHSPECS",
    "GIT_NOGLOB_PATHSPECS",
)
"""Variables that a hook finds: they name a repository and an index, wherever the folder is. Settings may stay."""
_SETTINGS = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "advice.detachedHead": "false",
    "advice.graftFileDeprecated": "false",
    "worktree.useRelativePaths": "false",
}


def without_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` without what would make git look elsewhere than in the current folder."""
    return {name: value for name, value in environment.items() if name not in _OF_A_REPOSITORY}


@dataclass(frozen=True)
class GitAnswer:
    """What git said."""

    status: int
    output: str
    errors: str

    @property
    def is_good(self) -> bool:
        """Whether git did what it was asked."""
        return self.status == 0

    @property
    def line(self) -> str:
        """The output without the end of its only line."""
        return self.output.removesuffix("\n")

    @property
    def fields(self) -> list[str]:
        """The parts of an output made with -z."""
        return [part for part in self.output.split("\0") if part]


@dataclass(frozen=True)
class Git:
    """Git in `folder`."""

    folder: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables for git alone."""

    def ask(self, *words: str, lines: Iterable[str] = ()) -> GitAnswer:
        """Output of git with the arguments `words`, which may read `lines`. Raises UsageError without git."""
        environment = {
            **without_repository(os.environ),
            "GIT_OPTIONAL_LOCKS": "0",  # a look does not rewrite the index, and a locked one does not matter
            "GIT_TERMINAL_PROMPT": "0",
            "LANGUAGE": "C",
            **self.variables,
        }
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with TemporaryFile() as output, TemporaryFile() as errors, TemporaryFile() as read:
            read.writelines(os.fsencode(f"{line}\n") for line in lines)
            read.seek(0)
            try:
                status = process.run(["git", *settings, *words], self.folder, environment, output, errors, stdin=read)
            except FileNotFoundError:
                if not self.folder.is_dir():
                    raise UsageError(f"{self.folder}: no such folder") from None
                raise UsageError("git is not installed, or not on the PATH", "install it") from None
            except (OSError, subprocess.SubprocessError) as error:
                raise CannotRunError(f"git cannot be run: {error}") from None
            output.seek(0)
            errors.seek(0)
            # Names of files are bytes: what is no UTF-8 survives the way into a path.
            return GitAnswer(status, os.fsdecode(output.read()), errors.read().decode(errors="replace").strip())

    def do(self, what: str, *words: str) -> GitAnswer:
        """Let git do it. Raises CannotRunError that says that git cannot `what`, and why."""
        answer = self.ask(*words)
        if not answer.is_good:
            raise CannotRunError(f"git cannot {what}: {one_line(answer.errors)}")
        return answer
