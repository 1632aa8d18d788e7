"""Which files of the project tests have left or changed: state that can make the next test fail."""

import os
from collections.abc import Iterator
from contextlib import suppress
from stat import S_ISDIR

from flakeproof.text import number

_MOST = 20_000
"""Entries looked at; a larger project would be looked through for longer than its tests take."""
_NOT_STATE = {"__pycache__", "node_modules", "venv", "env", "build", "dist"}
_NAMED = 5

Stamp = tuple[int, int]
"""Time of change (ns) and size (bytes)."""


def snapshot(folder: str) -> dict[str, Stamp] | None:
    """Every file below `folder` by its relative path, without hidden and generated ones; None if there are too many.

    What lies deeper than a path can be long (4,096 bytes) is not seen.
    """
    found: dict[str, Stamp] = {}
    looked_at = 0
    waiting = [(folder, "")]
    while waiting:
        current, prefix = waiting.pop()
        for name, path, status in _entries(current):
            looked_at += 1
            if looked_at > _MOST:
                return None
            if S_ISDIR(status.st_mode):
                waiting.append((path, f"{prefix}{name}/"))
            else:
                found[prefix + name] = status.st_mtime_ns, status.st_size
    return found


def _entries(folder: str) -> Iterator[tuple[str, str, os.stat_result]]:
    """Name, path and status of what is in `folder` and is looked at."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _NOT_STATE or entry.name.endswith((".pyc", ".egg-info")):
            continue
        with suppress(OSError):
            yield entry.name, entry.path, entry.stat(follow_symlinks=False)


def difference(before: dict[str, Stamp] | None, after: dict[str, Stamp] | None) -> str:
    """What has become of the files, in one sentence; "" if nothing has."""
    if before is None or after is None:
        return ""
    kinds = {
        "made": sorted(after.keys() - before.keys()),
        "changed": sorted(path for path in before.keys() & after.keys() if before[path] != after[path]),
        "removed": sorted(before.keys() - after.keys()),
    }
    parts = [f"{kind} {_named(paths)}" for kind, paths in kinds.items() if paths]
    if not parts:
        return ""
    return f"in this folder the tests have {', '.join(parts)}: such state can reach other tests"


def _named(paths: list[str]) -> str:
    more = f" and {number(len(paths) - _NAMED)} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more
