"""Time limits of processes (dump the stacks, TERM, grace, KILL), and the time budget of a search."""

import signal

from flakeproof.clock import monotonic_ns
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.usual_duration import TimeLimit
from flakeproof_worker.shared.process_exit import Step, following

_DUMP_NS = 150_000_000
"""How long a process may take to write its stacks before TERM is sent."""
_ENDS_ITS_TRIALS = {"tasks", "forks", "fresh", "commands"}
"""Lanes that can end a single trial; a thread cannot be ended, so its process must be."""
_SLACK_NS = 1_000_000_000
"""How much longer than the grace time such lanes may take to end a trial."""
_SHORTEST_LOADING_NS = 60_000_000_000
"""Loading the target may always take so long, however short the time limit of a trial is."""
_IDLE_NS = 10_000_000_000
"""A process that has trials and takes none for so long is broken: a trial has damaged flakeproof's own parts."""


class ProcessWatch:
    """Watches the time limits of one process."""

    def __init__(self, limit: TimeLimit, grace: float, now: int) -> None:
        """`limit` is that of a trial, `grace` the seconds between TERM and KILL, `now` the start of the process."""
        self._limit = limit
        self._grace_ns = int(grace * 1e9)
        self._started = now
        self._moved = now
        self._taken = 0
        self._expired: dict[int, int] = {}
        """Trials that exceeded their time limit, with the moment at which this was noticed."""
        self._step = Step.RUNNING
        self._next_step = 0
        self.blamed: dict[int, float] = {}
        """Trials because of which the process is being ended, with the seconds that they had taken."""
        self._loading_ns = None if limit.first is None else max(int(limit.first * 1e9), _SHORTEST_LOADING_NS)
        self.hung_loading = False
        """Whether the process is being ended because it has been loading for too long."""
        self.ending = False
        """Whether the process is being ended, so that other trials in flight cannot be blamed for its death."""

    def abandon(self) -> None:
        """The process is killed because the run ends: nothing in flight has a result."""
        self.ending = True

    def limit_loading(self, limit: int) -> None:
        """Let loading take at most `limit` nanoseconds."""
        self._loading_ns = limit if self._loading_ns is None else min(limit, self._loading_ns)

    def look(self, process: WorkerProcess, now: int) -> None:
        """Take the steps that are due at `now`."""
        if self._step is not Step.RUNNING:
            if now >= self._next_step:
                self._end_further(process, now)
            return
        if not process.ready:
            if self._loading_ns is not None and now - self._started > self._loading_ns:
                self.hung_loading = True
                self._end_further(process, now)
        else:
            flying = process.in_flight()
            if (seconds := self._limit.seconds) is not None:
                self._look_at_trials(process, flying, int(seconds * 1e9), now)
            self._look_for_standstill(process, flying, now)

    def _look_at_trials(self, process: WorkerProcess, flying: dict[int, int], limit: int, now: int) -> None:
        holder = process.holder if process.holder in flying else 0
        over = {trial for trial, start in flying.items() if now - start > limit}
        self._expired = {trial: seen for trial, seen in self._expired.items() if trial in over}
        for trial in over - self._expired.keys():
            # While one trial holds the event loop, the others cannot go on: only that trial's time counts.
            if holder in (0, trial):
                self._expired[trial] = now
                if process.lane_kind in _ENDS_ITS_TRIALS:
                    process.expire(trial)
        patience = self._grace_ns + _SLACK_NS if process.lane_kind in _ENDS_ITS_TRIALS else 0
        overdue = {trial for trial, seen in self._expired.items() if now >= seen + patience}
        culprits = overdue & {holder} if holder else overdue
        if culprits:
            self.blamed = {trial: (self._expired[trial] - flying[trial]) / 1e9 for trial in culprits}
            self._end_further(process, now)

    def _look_for_standstill(self, process: WorkerProcess, flying: dict[int, int], now: int) -> None:
        if flying or process.taken != self._taken or process.bye_ns or not process.has_work:
            self._moved, self._taken = now, process.taken
        elif now - self._moved > _IDLE_NS:
            self._end_further(process, now)

    def _end_further(self, process: WorkerProcess, now: int) -> None:
        self.ending = True
        self._step = following(self._step, writes_stacks=True, has_written=lambda: process.has_dumped)
        match self._step:
            case Step.DUMPING:
                process.condemn()
                process.dump_stacks()
                self._next_step = now + _DUMP_NS
            case Step.INSISTING:
                process.dump_stacks(last_resort=True)
                self._next_step = now + _DUMP_NS
            case Step.TERMINATING:
                process.kill(signal.SIGTERM)
                self._next_step = now + self._grace_ns
            case _:
                process.kill(signal.SIGKILL)
                self._next_step = now + self._grace_ns


_LEAST = 1.0
_LEAST_LIMIT = 5.0
"""Seconds that a trial of a search may always take, however short it usually is."""
TIMES_AS_LONG = 50
"""A trial that takes so many times as long as usual is taken to hang."""


def hang_limit(usual: float, asked: float | None, times: float = TIMES_AS_LONG) -> float:
    """Seconds after which a trial that takes `usual` seconds is taken to hang; never more than the limit `asked`."""
    limit = max(_LEAST_LIMIT, times * usual)
    return min(limit, asked or limit)


class Budget:
    """A time budget of `seconds` from now on, or from the earlier moment `since_ns` (monotonic clock)."""

    def __init__(self, seconds: float, since_ns: int | None = None) -> None:
        self.seconds = seconds
        self._start = monotonic_ns() if since_ns is None else since_ns

    @property
    def elapsed(self) -> float:
        """Seconds used so far."""
        return (monotonic_ns() - self._start) / 1e9

    @property
    def left(self) -> float:
        """Seconds left."""
        return max(0.0, self.seconds - self.elapsed)

    def share(self, part: float) -> float:
        """Seconds for an experiment that may take `part` of the budget: at most what is left, but at least one."""
        return max(_LEAST, min(part * self.seconds, self.left))
