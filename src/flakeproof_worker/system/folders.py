"""A temporary folder for each trial, which is removed with it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flakeproof_worker.shared.private import os

VARIABLE = "TMPDIR"
_HOME_VARIABLES = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


def make(parent: str, trial: int) -> str:
    """Make the folder of `trial`; a trial that runs a second time gets a new folder. Raises OSError."""
    path = f"{parent}/{trial}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        path = f"{path}-{os.urandom(4).hex()}"
        os.mkdir(path, 0o700)
    return path


def remove(path: str) -> None:
    """Remove a folder and its contents; what cannot be removed stays, and is reported at the end of the run."""
    try:
        os.rmdir(path)
    except OSError:
        from flakeproof_worker.system import removal

        removal.remove(path)


def is_empty(path: str) -> bool:
    """Whether the folder is empty."""
    try:
        return not os.listdir(path)
    except OSError:
        return False


def use(path: str) -> None:
    """Make `tempfile`, and children of this process, use `path`."""
    before = os.environ.get(VARIABLE)
    if before != path:
        os.environ[VARIABLE] = path
        tempfile: Any = sys.modules.get("tempfile")
        if tempfile is not None and (tempfile.tempdir == before or before is None):
            tempfile.tempdir = None  # otherwise, the user's code has chosen another folder on purpose


def private_home(folder: str) -> dict[str, str | None]:
    """Make a home folder in `folder`; return its variables, None for those to be unset. Raises OSError."""
    home = f"{folder}/home"
    os.mkdir(home, 0o700)
    return {"HOME": home, **dict.fromkeys(_HOME_VARIABLES)}


def shared_folders(*more: str) -> list[str]:
    """Folders in which programs of this user leave files: home, /tmp, and `more`; outer folders come first.

    They are real paths, without folders that do not exist, and without /.
    """
    names = {os.path.realpath(name) for name in (os.environ.get("HOME", ""), "/tmp", *more) if name}
    return sorted((name for name in names if name != "/" and os.path.isdir(name)), key=lambda name: (len(name), name))


def apply(variables: dict[str, str | None]) -> None:
    """Set `variables` in the environment of this process; None unsets one."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def used(path: str) -> Iterator[None]:
    """Use `path` within a `with` block."""
    before = os.environ.get(VARIABLE)
    use(path)
    try:
        yield
    finally:
        if before is not None:
            use(before)
