"""Control groups of Linux, version 2 (Documentation/admin-guide/cgroup-v2.rst): one with a limit on its CPU time."""

import os
from contextlib import suppress

_PERIOD_US = 100_000
"""The kernel's own default."""
_PREFIX = "flakeproof-"
_FILE_SYSTEM = "cgroup2"


def own_folder(mounts: str = "/proc/self/mountinfo", own: str = "/proc/self/cgroup") -> tuple[str, str] | None:
    """Where the groups of version 2 are, and the folder of our own among them; None if there are none."""
    try:
        root = next(
            fields[4]
            for line in _lines(mounts)
            if (fields := line.split()) and _FILE_SYSTEM in fields[fields.index("-") :]
        )
        path = next(line[3:] for line in _lines(own) if line.startswith("0::"))
    except (OSError, StopIteration, ValueError):
        return None
    return root, os.path.normpath(f"{root}/{path}")


def make(places: tuple[str, str], name: str, share: float) -> str | None:
    """Make a group which may use `share` of a CPU: below our own, or as far up as we may; its folder, None if nowhere.

    `places` are the root of all and our own. A group that has processes of its own can hand the controller down to no
    other, so most often the new one stands beside ours.
    """
    root, folder = places
    while True:
        if (made := _make_in(folder, name, share)) is not None:
            return made
        if folder == root or not folder.startswith(f"{root.rstrip('/')}/"):
            return None
        folder = os.path.dirname(folder)  # noqa: PTH120


def _make_in(folder: str, name: str, share: float) -> str | None:
    made = f"{folder}/{_PREFIX}{name}"
    try:
        if "cpu" not in _words(f"{folder}/cgroup.controllers"):
            return None
        if "cpu" not in _words(f"{folder}/cgroup.subtree_control"):
            _write(f"{folder}/cgroup.subtree_control", "+cpu")
        _remove_deserted(folder)
        os.mkdir(made)  # noqa: PTH102
    except OSError:
        return None
    try:
        _write(f"{made}/cpu.max", f"{max(1000, round(share * _PERIOD_US))} {_PERIOD_US}")
    except OSError:
        remove(made)
        return None
    return made


def enter(folder: str, pid: int) -> bool:
    """Have the process `pid`, and what it starts from now on, be in the group; whether that is permitted."""
    try:
        _write(f"{folder}/cgroup.procs", str(pid))
    except OSError:
        return False
    return True


def lift(folder: str) -> None:
    """Have the group limit nothing any more."""
    with suppress(OSError):
        _write(f"{folder}/cpu.max", "max")


def remove(folder: str) -> bool:
    """Remove the group; whether it is gone. It cannot be as long as there are processes in it."""
    try:
        os.rmdir(folder)  # noqa: PTH106
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _remove_deserted(folder: str) -> None:
    """Remove the groups of runs that were killed; those in use cannot be removed."""
    for name in os.listdir(folder):  # noqa: PTH208
        if name.startswith(_PREFIX):
            remove(f"{folder}/{name}")


def _words(path: str) -> list[str]:
    return [word for line in _lines(path) for word in line.split()]


def _lines(path: str) -> list[str]:
    with open(path) as file:  # noqa: PTH123
        return file.read().splitlines()


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:  # noqa: PTH123
        file.write(text)
