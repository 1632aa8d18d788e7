"""Replace processes that have ended, and give a run up if no process can be started."""

from collections.abc import Callable, Mapping

from flakeproof.engine.endings import status_text, unloadable
from flakeproof.engine.leases import Work
from flakeproof.engine.loading import Loading
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.run_end import Ending
from flakeproof.engine.trial_results import TrialResults
from flakeproof.errors import CannotRunError, Stop
from flakeproof.model import CommandTarget, TargetSpec

_FRUITLESS_STARTS = 3
"""How many processes in a row may end without having taken a trial before the run is given up."""


class Replacement:
    """Starts processes at places that have none, as long as that is useful."""

    def __init__(
        self,
        target: TargetSpec,
        start: Callable[[int, int], None],
        work: Work,
        results: TrialResults,
        loading: Loading,
        ending: Ending,
        processes: Mapping[int, WorkerProcess],
    ) -> None:
        """`start` starts a process at a place with a number of lanes; it may raise CannotRunError."""
        self._target = target
        self._start = start
        self._work = work
        self._results = results
        self._loading = loading
        self._ending = ending
        self._processes = processes
        self._fruitless = 0
        self._completed_before = 0

    def ended(self, process: WorkerProcess) -> None:
        """Count processes that end in a row without having taken a trial, while no other process completes one."""
        completed = self._results.completed()
        if process.taken or completed > self._completed_before:
            self._fruitless = 0
        self._completed_before = completed
        self._fruitless += not process.taken

    def interfered(self) -> None:
        """A process was given up because a test interfered: that does not show that processes cannot start."""
        self._fruitless = 0

    def loaded(self, process: WorkerProcess, now: int) -> None:
        """Take in that `process` has loaded the target, and start processes at places where loading failed before."""
        self._loading.loaded(process.number, process.place, now)
        vacant, self._loading.vacant = self._loading.vacant, []
        for place, lanes in vacant:
            if self._ending.reason is None and self._work.left != 0:
                self.start_another(place, lanes)

    def not_loaded(
        self, process: WorkerProcess, status: int, output: str, now: int, *, hung: bool, any_started: bool
    ) -> None:
        """Take in that `process` could not load the target. Raises CannotRunError if none can."""
        if isinstance(self._target, CommandTarget):
            return  # a command is not loaded
        said = process.unloadable
        self._loading.failed(process.number, process.place, said, status, output, now, hung=hung)
        if not any_started and not self._processes and self._loading.is_hopeless():
            if said is not None:
                raise unloadable(said, self._target)
            why = "did not load the target in time" if hung else f"ended ({status_text(status)}) before it ran anything"
            raise CannotRunError(f"a worker process {why}", details=output.strip())

    def replace(self, process: WorkerProcess, status: int, output: str, *, any_started: bool) -> None:
        """Start another process in place of one that has ended, unless that has proven useless.

        `any_started` is whether any process has loaded the target. Raises CannotRunError if none is expected to.
        """
        others_run = any(other.ready for other in self._processes.values())
        if not process.ready and not isinstance(self._target, CommandTarget):
            if not any_started and self._processes:
                self._loading.vacant.append((process.place, process.lanes))
                return  # first see whether the other processes can load it
            if self._loading.is_given_up(process.place) and others_run:
                return  # the other processes run the remaining trials
        elif not any_started and (status >= 0 or self._fruitless >= _FRUITLESS_STARTS):
            raise CannotRunError(
                f"a worker process ended ({status_text(status)}) before it ran anything", details=output.strip()
            )
        if self._fruitless >= _FRUITLESS_STARTS:
            if others_run:
                # They run the remaining trials, however long the one in flight takes; a process that loads the target
                # later starts another one here.
                self._loading.vacant.append((process.place, process.lanes))
                return
            said = process.unloadable
            self.give_up(said.message if said is not None else f"a worker process ended ({status_text(status)})")
            return
        self.start_another(process.place, process.lanes)

    def give_up(self, why: str) -> None:
        """End a run in which no process can be started any more, but keep its results so far."""
        self._ending.reason = Stop.GIVEN_UP
        block = self._work.take(0, 1)
        if block is not None:
            self._results.never_started(block[0], f"it could not be started: {why}")

    def start_another(self, place: int, lanes: int) -> None:
        """Start a process at `place`; if that fails, the other processes go on; without others, the run ends."""
        try:
            self._start(place, lanes)
        except CannotRunError as error:
            if self._processes:
                return  # the other processes run the remaining trials
            self.give_up(error.message)
