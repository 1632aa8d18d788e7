"""Start more processes for tests that mostly wait, if the user has not set how many run at once.

A test that sleeps, or waits for a program or a server, leaves its processor idle. So if tests are slow and the
processors are idle for most of a moment, although every process has trials, more processes are started, a few at a
time, as long as that remains true. Tests that bind ports or write files outside their own folders get no more
processes, because more copies of them would collide.
"""

import os
from collections.abc import Callable, Collection

from flakeproof.engine.process import WorkerProcess
from flakeproof.model import CommandTarget, Isolation, RunSpec
from flakeproof.text import share

_MOMENT_NS = 2_000_000_000
_IDLE = 0.5
"""Share of a moment that the processors must have been idle for more processes to start."""
_SLOW = 0.1
"""Least usual duration of a test (seconds) for more processes to start."""
_MOST = 8
"""Most processes for each processor."""
_WORTH = 3
"""The rest of the run must take so many times as long as the start of a process."""
_MEMORY = 0.25
"""Share of the machine's memory that stays free."""


def processor_time() -> tuple[float, float]:
    """Processor seconds since the machine started: idle ones, and all."""
    import psutil  # here, because the import is slow and most runs do not need it

    times = psutil.cpu_times()
    # User time includes the time of guests.
    return times.idle + times.iowait, sum(times) - times.guest - times.guest_nice


class Crowd:
    """Decides how many more processes to start."""

    def __init__(self, spec: RunSpec, processors: Callable[[], tuple[float, float]] = processor_time) -> None:
        """It applies to tests in forks, if `spec` leaves it to flakeproof how many run at once."""
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
            processes: The current processes.
            usual: Usual duration of a test in seconds; None if unknown.
            seconds_left: Seconds that the run will last with these processes; None if it has no end.
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

    def explanation(self, workers: int) -> str:
        """A note for the user the first time; "" later."""
        before, self._has_told = self._has_told, True
        if before:
            return ""
        idle, most = share(self._share, 0), _MOST * self._cores
        return (
            f"The tests mostly wait (the processors are idle for {idle} of the time): "
            f"more of them run at once from now on, up to {most} (to prevent this: -w {workers})"
        )

    def _look(self, now: int) -> float:
        """The share of the time since the last call for which the processors were idle."""
        idle, everything = self._processors()
        spent = everything - self._all
        self._share = (idle - self._idle) / spent if self._since and spent > 0 else 0.0
        self._since, self._idle, self._all = now, idle, everything
        return self._share

    def _room(self, processes: Collection[WorkerProcess]) -> int:
        """How many more processes fit into memory."""
        import psutil

        memory = psutil.virtual_memory()
        try:
            each = max(psutil.Process(process.pid).memory_info().rss for process in processes)
        except psutil.Error:
            return 0
        return int((memory.available - _MEMORY * memory.total) // (2 * each))
