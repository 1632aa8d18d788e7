"""More processes for tests that mostly wait: nobody has said how many may run at once, and the processors idle.

A test that sleeps, or waits for a program or a server, leaves its processor to others. So where tests are slow and the
processors of the machine are idle for most of a moment, although every process has something to run, more processes are
started, a few at a time, as long as that stays so. Tests that bind ports or write files outside of their own folders
stay as they are, because more copies of them would collide.
"""

import os
from collections.abc import Callable, Collection

from flakeproof.engine.process import WorkerProcess
from flakeproof.model import CommandTarget, Isolation, RunSpec
from flakeproof.text import share

_MOMENT_NS = 2_000_000_000
_IDLE = 0.5
"""Share of a moment for which the processors have been idle, from which on more processes are started."""
_SLOW = 0.1
"""Seconds that a test usually takes, at least."""
_MOST = 8
"""Processes for each processor."""
_WORTH = 3
"""What is left of the run has to take so many times as long as a process takes to start."""
_MEMORY = 0.25
"""Share of the memory of the machine that stays free."""


def processor_time() -> tuple[float, float]:
    """Seconds for which the processors of the machine have been idle, and all seconds, since it was started."""
    import psutil  # takes its time, and most runs have no use for it

    times = psutil.cpu_times()
    # The time of guests is in that of users already.
    return times.idle + times.iowait, sum(times) - times.guest - times.guest_nice


class Crowd:
    """Says how many more processes are to be started."""

    def __init__(self, spec: RunSpec, processors: Callable[[], tuple[float, float]] = processor_time) -> None:
        """For tests of `spec`, each in a fork, where the number of them at once was left to us."""
        self._processors = processors
        forks = spec.isolation is Isolation.FORK and not isinstance(spec.target, CommandTarget)
        self.applies = forks and spec.adapts_workers and spec.workers > 1
        self._cores = len(os.sched_getaffinity(0))
        self._since = 0
        self._idle = self._all = self._share = 0.0
        self._has_told = False

    def wanted(
        self, now: int, processes: Collection[WorkerProcess], usual: float | None, seconds_left: float | None
    ) -> int:
        """How many more processes to start, at the monotonic time `now` (ns).

        Args:
            processes: Those that there are.
            usual: Seconds that a test takes; None if that is not known.
            seconds_left: That the run goes on for with these processes; None if there is no end.
        """
        busy = all(process.ready and process.account.leases for process in processes)
        if not self.applies or not processes or not busy or usual is None or usual < _SLOW:
            return 0
        if not self._since:
            self._look(now)
        if now - self._since < _MOMENT_NS:
            return 0
        idle = self._look(now)
        start = max(process.ready_ns - process.started_ns for process in processes) / 1e9
        if idle < _IDLE or (seconds_left is not None and seconds_left < _WORTH * start):
            return 0
        return max(0, min(self._cores, _MOST * self._cores - len(processes), self._room(processes)))

    def told(self, workers: int) -> str:
        """What the user is told the first time; "" later."""
        before, self._has_told = self._has_told, True
        if before:
            return ""
        idle, most = share(self._share, 0), _MOST * self._cores
        return (
            f"The tests mostly wait (the processors are idle for {idle} of the time): "
            f"more of them run at once from now on, up to {most} (not so: -w {workers})"
        )

    def _look(self, now: int) -> float:
        """The share of the time since the last look for which the processors were idle."""
        idle, everything = self._processors()
        spent = everything - self._all
        self._share = (idle - self._idle) / spent if self._since and spent > 0 else 0.0
        self._since, self._idle, self._all = now, idle, everything
        return self._share

    def _room(self, processes: Collection[WorkerProcess]) -> int:
        """How many more there is memory for."""
        import psutil

        memory = psutil.virtual_memory()
        try:
            each = max(psutil.Process(process.pid).memory_info().rss for process in processes)
        except psutil.Error:
            return 0
        return int((memory.available - _MEMORY * memory.total) // (2 * each))
