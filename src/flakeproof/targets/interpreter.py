"""Which Python has the user's code: asked for, active, the project's own, or flakeproof's."""

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from flakeproof.errors import UsageError


def find(asked: str | None, folder: Path, environment: Mapping[str, str]) -> str:
    """Path of the interpreter: `asked`, else the active virtual environment's, else `.venv`'s, else our own.

    Raises UsageError if `asked` is no executable file.
    """
    if asked is not None:
        found = shutil.which(asked if os.sep not in asked else str(folder / asked))
        if found is None:
            raise UsageError(f"--python {asked}: no such program", "give the path of a Python interpreter")
        return found
    active = environment.get("VIRTUAL_ENV")
    for candidate in (active and Path(active), folder / ".venv"):
        if candidate and os.access(python := candidate / "bin" / "python", os.X_OK):
            return str(python)
    return sys.executable
