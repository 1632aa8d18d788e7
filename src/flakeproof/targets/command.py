"""Any program as a target, checked before the run, so that one that cannot start fails once, not a thousand times."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flakeproof.errors import CannotRunError, UsageError
from flakeproof.model import CommandTarget
from flakeproof.targets.command_line import check_text
from flakeproof.text import shortened

_SHELL = "/bin/sh"
_NAME_LENGTH = 200


@dataclass(frozen=True)
class CommandLine:
    """A command as the user wrote it."""

    words: Sequence[str]
    shell: bool = False
    """Whether the words are one line for /bin/sh."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to flakeproof's own environment."""


def resolve_command(
    line: CommandLine,
    folder: Path,
    *,
    skip_code: int | None = None,
    failure: str | None = None,
    ignore: str | None = None,
    results: str | None = None,
) -> CommandTarget:
    """The target that runs `line` in `folder`.

    Raises UsageError if `folder` is not a folder, CannotRunError if the program cannot be started.
    """
    if not folder.is_dir():
        raise UsageError(f"--cwd {folder}: {'not a folder' if folder.exists() else 'no such folder'}")
    for text in (*line.words, results or "", *line.environment, *line.environment.values()):
        check_text(text)
    together = " ".join(line.words)
    argv = [_SHELL, "-c", together] if line.shell else list(line.words)
    search = line.environment.get("PATH", os.environ.get("PATH", os.defpath))
    return CommandTarget(
        name=shortened(together if line.shell else shlex.join(line.words), _NAME_LENGTH),
        program=_program(argv[0], folder, search),
        argv=argv,
        environment=dict(line.environment),
        private=sorted(line.environment),
        skip_code=skip_code,
        failure=failure,
        ignore=ignore,
        results=results,
        python=sys.executable,
        folder=str(folder),
        descriptors_per_trial=0,
    )


def _program(name: str, folder: Path, search: str) -> str:
    """Path of the program called `name`. Raises CannotRunError."""
    if os.sep not in name:
        found = shutil.which(name, path=search)
        if found is None:
            here = folder / name
            remedy = f"did you mean ./{name}?" if here.is_file() else "is it installed, and on the PATH?"
            raise CannotRunError(f"cannot run {name!r}: there is no such program", remedy)
        path = folder / found
    else:
        path = folder / name
        if not path.exists():
            raise CannotRunError(f"cannot run {name!r}: no such file", f"searched from {folder} (another one: --cwd)")
        if path.is_dir():
            raise CannotRunError(f"cannot run {name!r}: it is a folder", "name the program in it")
        if not os.access(path, os.X_OK):
            raise CannotRunError(f"cannot run {name!r}: it is not executable", f"chmod +x {shlex.quote(name)}")
    _check_format(name, path)
    return str(path)


def _check_format(name: str, path: Path) -> None:
    """Raise CannotRunError for a file that execve(2) refuses although it is executable."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            first_line = start + file.readline(256) if start.startswith(b"#!") else b""
    except OSError:
        return  # executable, but not readable: running it will show whether it works
    if first_line:
        interpreter = next(iter(first_line[2:].split()), b"").decode(errors="replace")
        if not os.access(interpreter, os.X_OK):
            raise CannotRunError(
                f"cannot run {name!r}: its first line names {interpreter!r}, which does not exist",
                "correct that line, or name the interpreter: … -- INTERPRETER FILE",
            )
    elif not start.startswith((b"\x7fELF", b"MZ")):
        raise CannotRunError(
            f"cannot run {name!r}: it is neither a program nor a script that names its interpreter (#!)",
            "name the interpreter: … -- sh FILE",
        )
