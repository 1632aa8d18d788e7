"""A temporary folder for each trial, which goes with it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flakeproof_worker.shared.private import os

VARIABLE = "TMPDIR"
_HOME_VARIABLES = ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")


def make(parent: str, trial: int) -> str:
    """Make the folder of `trial`; a trial that runs a second time gets another. Raises OSError."""
    path = f"{parent}/{trial}"
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        path = f"{path}-{os.urandom(4).hex()}"
        os.mkdir(path, 0o700)
    return path


def remove(path: str) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays, and is told at the end of the run."""
    try:
        os.rmdir(path)
    except OSError:
        from flakeproof_worker.system import removal

        removal.remove(path)


def is_empty(path: str) -> bool:
    """Whether nothing is in the folder."""
    try:
        return not os.listdir(path)
    except OSError:
        return False


def use(path: str) -> None:
    """Let `tempfile` and children of this process use `path`."""
    before = os.environ.get(VARIABLE)
    if before != path:
        os.environ[VARIABLE] = path
        tempfile: Any = sys.modules.get("tempfile")
        if tempfile is not None and (tempfile.tempdir == before or before is None):
            tempfile.tempdir = None  # else somebody has chosen another one on purpose


def private_home(folder: str) -> dict[str, str | None]:
    """Variables for a home folder of its own in `folder`, None for those that must not be there. Raises OSError."""
    home = f"{folder}/home"
    os.mkdir(home, 0o700)
    return {"HOME": home, **dict.fromkeys(_HOME_VARIABLES)}


def shared_folders(*more: str) -> list[str]:
    """Folders in which programs of this user leave files, the widest first: home, that for temporary files, and `more`.

    By their real paths; without those that there are not, and the root of all.
    """
    names = {os.path.realpath(name) for name in (os.environ.get("HOME", ""), "/tmp", *more) if name}
    return sorted((name for name in names if name != "/" and os.path.isdir(name)), key=lambda name: (len(name), name))


def apply(variables: dict[str, str | None]) -> None:
    """Put `variables` into the environment of this process."""
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def used(path: str) -> Iterator[None]:
    """Use `path` for a while."""
    before = os.environ.get(VARIABLE)
    use(path)
    try:
        yield
    finally:
        if before is not None:
            use(before)
