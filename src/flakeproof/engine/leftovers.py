"""What tests leave behind: every process is killed after a run, and changed files of the project are reported."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import TYPE_CHECKING

from flakeproof.text import number
from flakeproof_worker.environment import RUN
from flakeproof_worker.system.process_tree import adopt_orphans

if TYPE_CHECKING:
    import psutil

_PATIENCE = 2.0
"""Seconds that killed processes may take to disappear."""
_ROUNDS = 50
"""A process that is being killed may still fork, so the search is repeated, at most so many times."""


def marker_of(run_id: str) -> str:
    """Value of RUN for the processes of a run, which may itself run inside a trial of another run."""
    outer = os.environ.get(RUN)
    return f"{outer}/{run_id}" if outer else run_id


@contextmanager
def nothing_left_running(run_id: str) -> Iterator[None]:
    """Kill every process of the run at the end of the `with` block.

    Within the block, this process adopts orphans (as a subreaper, prctl(2)), so that a daemon that a trial has started
    by double fork and setsid is found, too.
    """
    before = _descendants()
    adopt_orphans(True)
    try:
        yield
    finally:
        for _ in range(_ROUNDS):
            # Parents last: the children of a dying parent are still in the list.
            found = [child for child in reversed(_descendants()) if child not in before]
            killed = [child for child in found if _is_of(run_id, child) and _end(child)]
            if not killed:
                break
            from psutil import wait_procs

            wait_procs(killed, timeout=_PATIENCE)
        adopt_orphans(False)


def reap_orphans() -> None:
    """Reap adopted processes that have ended, so that zombies do not accumulate during a long run.

    Children of the program that embeds flakeproof share its session, and worker processes lead their own sessions;
    neither are touched.
    """
    if _any_zombie():
        for pid in _children():
            with suppress(ProcessLookupError, ChildProcessError):
                if os.getsid(pid) not in (os.getsid(0), pid):
                    os.waitpid(pid, os.WNOHANG)


def _any_zombie() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def _descendants() -> "list[psutil.Process]":
    """All descendants of this process, parents first; without children, the machine's processes are not searched."""
    if not _children():
        return []
    import psutil  # here, because the import is slow and hardly ever needed

    return psutil.Process().children(recursive=True)


def _children() -> list[int]:
    """Children of this process, zombies included; from the kernel's own list of children, if it has one."""
    try:
        lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:
        lists = []
    if not lists:
        import psutil

        return [child.pid for child in psutil.Process().children()]
    return [int(pid) for text in lists for pid in text.split()]


def _is_of(run_id: str, process: "psutil.Process") -> bool:
    """Whether `process` belongs to the run, and not to the embedding program or another run in it."""
    import psutil

    try:
        if os.getsid(process.pid) == os.getsid(0):
            return False
        marker = process.environ().get(RUN)
    except (OSError, psutil.Error):
        return True  # it has just ended, or is another user's, which an embedding program would not start
    return marker is None or run_id in marker.split("/")


def _end(process: "psutil.Process") -> bool:
    """Kill `process`, or reap it if it is dead; return whether it was still running."""
    import psutil

    with suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            process.wait(timeout=0)
            return False
        process.kill()
        return True
    return False


_MOST = 20_000
"""Most entries that are scanned; scanning a larger project could take longer than its tests."""
_NOT_STATE = {"__pycache__", "node_modules", "venv", "env", "build", "dist"}
_NAMED = 5

Stamp = tuple[int, int]
"""Time of change (ns) and size (bytes)."""


def snapshot(folder: str) -> dict[str, Stamp] | None:
    """Every file below `folder` by its relative path, without hidden and generated ones; None if there are too many.

    Files whose path is too long for the kernel (4,096 bytes) are not seen.
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
    """Name, path and status of the entries of `folder` that are not hidden or generated."""
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
    """One sentence on which files were made, changed and removed; "" for none."""
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
