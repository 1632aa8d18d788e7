"""The time limits of one process: tell it, dump its stacks, TERM, grace, KILL."""

import signal
from collections.abc import Callable

from flakeproof.engine.process import WorkerProcess

_DUMP_NS = 150_000_000
"""How long a process gets to write its stacks before it is asked to end."""
_ENDS_ITS_TRIALS = {"tasks", "forks"}
"""Lanes that can end one trial by themselves; a thread cannot be ended, so its process has to go."""


class Watch:
    """Follows what is in flight in one process."""

    def __init__(self, timeout: float | None, grace: float) -> None:
        """`timeout` for a trial and `grace` between asking and killing, in seconds."""
        self._timeout_ns = None if timeout is None else int(timeout * 1e9)
        self._grace_ns = int(grace * 1e9)
        self._steps: list[tuple[int, Callable[[WorkerProcess], None]]] = []
        self.expired: dict[int, int] = {}
        """Trials whose time is over, with the moment (monotonic nanoseconds) at which this was seen."""
        self.ending = False
        """Whether the process is being ended, so that trials in flight cannot be blamed for its death."""

    def abandon(self) -> None:
        """The process is killed because the run ends: nothing in flight has a result."""
        self.ending = True

    def look(self, process: WorkerProcess, now: int) -> None:
        """Do what is due at `now`."""
        if self._timeout_ns is None:
            return
        for trial, start in process.in_flight().items():
            if start and now - start > self._timeout_ns and trial not in self.expired:
                self.expired[trial] = now
                if process.lane_kind in _ENDS_ITS_TRIALS:
                    process.expire(trial)
                    # Should it not manage to: the trial holds the interpreter, or refuses to be cancelled.
                    self._plan_end(now + 2 * self._grace_ns + 2 * _DUMP_NS)
                else:
                    self._plan_end(now)
        self._take_steps(process, now)

    def _plan_end(self, start: int) -> None:
        if not self._steps and not self.ending:
            self._steps = [
                (start, WorkerProcess.dump_stacks),
                (start + _DUMP_NS, lambda process: process.kill(signal.SIGTERM)),
                (start + _DUMP_NS + self._grace_ns, lambda process: process.kill(signal.SIGKILL)),
            ]

    def _take_steps(self, process: WorkerProcess, now: int) -> None:
        if self._steps and not self.ending and not self._still_needed(process):
            self._steps = []
        while self._steps and self._steps[0][0] <= now:
            _, step = self._steps.pop(0)
            self.ending = True
            step(process)

    def _still_needed(self, process: WorkerProcess) -> bool:
        """Whether a trial that is over its time is still in flight."""
        flying = process.in_flight()
        self.expired = {trial: seen for trial, seen in self.expired.items() if trial in flying}
        return bool(self.expired)
