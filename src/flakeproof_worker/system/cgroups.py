"""Make control groups of Linux, version 2, with a limit on CPU time (Documentation/admin-guide/cgroup-v2.rst)."""

import os
from contextlib import suppress

_PERIOD_US = 100_000
"""The kernel's own default."""
_PREFIX = "flakeproof-"
_FILE_SYSTEM = "cgroup2"


def own_folder(mounts: str = "/proc/self/mountinfo", own: str = "/proc/self/cgroup") -> tuple[str, str] | None:
    """The root of the groups of version 2, and the folder of this process's group; None if there are none."""
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
    """Make a group that may use `share` of a CPU, and return its folder; None if that is permitted nowhere.

    `places` are the root and this process's group. The new group is made below that group or, where that fails, below
    the nearest ancestor that allows it. A group with processes of its own cannot delegate the CPU controller, so the
    new group is usually a sibling.
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
    """Move the process `pid`, with the children that it starts from now on, to the group; return whether it worked."""
    try:
        _write(f"{folder}/cgroup.procs", str(pid))
    except OSError:
        return False
    return True


def lift(folder: str) -> None:
    """Lift the limit of the group."""
    with suppress(OSError):
        _write(f"{folder}/cpu.max", "max")


def remove(folder: str) -> bool:
    """Remove the group; return whether it is gone. A group with processes in it cannot be removed."""
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
