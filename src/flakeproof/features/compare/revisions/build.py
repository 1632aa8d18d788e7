"""What has to be made of a revision before its tests can run: one command of the user's."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from flakeproof.errors import BuildFailedError, CannotRunError
from flakeproof.features.compare.revisions import process
from flakeproof.features.compare.revisions.git import without_repository
from flakeproof.text import plural

_SHELL = "/bin/sh"
_HEAD, _TAIL = 2_000, 6_000
"""Bytes of the output that are shown: how it began, and why it failed."""


def build(arm: str, command: str, folder: Path, environment: Mapping[str, str], output: Path | None = None) -> None:
    """Build `arm`: run `command` with the shell in `folder`; its whole output goes to the file `output`.

    `environment` is on top of our own, from which a git hook's idea of the repository is taken away. The command and
    all that it has started end with us, should we be interrupted. Raises BuildFailedError if the command fails,
    CannotRunError if it cannot be started.
    """
    whole = {**without_repository(os.environ), **environment}
    try:
        with tempfile.TemporaryFile() if output is None else output.open("w+b") as file:
            status = process.run([_SHELL, "-c", command], folder, whole, file, file)
            if status:
                raise BuildFailedError(arm, command, status, _ends(file))
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
