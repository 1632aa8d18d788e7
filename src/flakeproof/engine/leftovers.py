"""Nothing is left running after a run: also what trials have started and cut loose."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from flakeproof_worker.kernel import adopt_orphans

_PATIENCE = 2.0
"""Seconds for killed processes to disappear."""


@contextmanager
def nothing_left_running() -> Iterator[None]:
    """Kill, at the end, every descendant that has come into being inside.

    While inside, orphans become our children (a subreaper, prctl(2)), so that a daemon that a trial has started by
    double fork and setsid is found, too.
    """
    me = psutil.Process()
    before = set(me.children(recursive=True))
    adopt_orphans(True)
    try:
        yield
    finally:
        # A process that is being killed may still fork: look again until nothing new is there.
        while left := [child for child in me.children(recursive=True) if child not in before and _end(child)]:
            psutil.wait_procs(left, timeout=_PATIENCE)
        adopt_orphans(False)


def _end(process: psutil.Process) -> bool:
    """Kill `process`, reap it if it is dead; whether it was still running."""
    with suppress(psutil.NoSuchProcess):
        if process.status() == psutil.STATUS_ZOMBIE:
            with suppress(psutil.TimeoutExpired):
                process.wait(timeout=0)
            return False
        process.kill()
        return True
    return False
