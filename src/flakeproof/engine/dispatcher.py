"""The one loop that owns order and state of a run: it leases trials, receives their outcomes, and watches processes."""

import selectors
import signal
from collections import Counter
from collections.abc import Callable

from flakeproof.clock import monotonic_ns
from flakeproof.engine import failure_records, messages, suspects
from flakeproof.engine.collection import session_note
from flakeproof.engine.crowd import Crowd
from flakeproof.engine.endings import unloadable
from flakeproof.engine.leases import Block, Orders, Work
from flakeproof.engine.leasing import Leasing
from flakeproof.engine.leftovers import reap_orphans
from flakeproof.engine.limits import lanes_per_process, order_for
from flakeproof.engine.loading import Loading
from flakeproof.engine.messages import Bye, Passed, Ready, TrialEnded, Unloadable
from flakeproof.engine.plausible import is_possible
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.replacement import Replacement
from flakeproof.engine.run_end import Before, Ending, Inquiry, Settlement, is_over_with_patience
from flakeproof.engine.scout import Scout
from flakeproof.engine.suspects import Suspects, Suspicions
from flakeproof.engine.time_limits import ProcessWatch
from flakeproof.engine.trial_results import TrialResults
from flakeproof.engine.usual_duration import Overdue, TimeLimit, UsualDuration
from flakeproof.errors import CannotRunError, Stop
from flakeproof.events import (
    AnyEvent,
    Noted,
    Progressed,
    RunEnded,
    Sighted,
)
from flakeproof.model import Failure, Outcome, PytestTarget, RunSpec
from flakeproof_worker.shared.network_faults import has_packet_faults
from flakeproof_worker.shared.seeds import trial_seed

_TICK = 0.05
"""Seconds between two checks of the boards and the clock."""
_FAREWELL_SECONDS = 10.0
_REAP_NS = 1_000_000_000
_OUTPUT_LIMIT = 64 * 1024 * 1024
SPOILT = (
    "a test has written to flakeproof's own parts of its process (the socket, or the memory that shows what runs): "
    "it is not known which tests of that process passed"
)


_NOTHING_BEFORE = Before()


class Dispatcher:
    """Runs `spec` and passes every event to `emit`."""

    def __init__(
        self,
        spec: RunSpec,
        scratch: str,
        temporary: str,
        run_id: str,
        emit: Callable[[AnyEvent], None],
        work: Work,
        inquiry: Inquiry | None = None,
        orders: Orders | None = None,
        before: Before = _NOTHING_BEFORE,
        renewal: Renewal | None = None,
        scout: Scout | None = None,
        crowd: Crowd | None = None,
    ) -> None:
        """`scratch` is the folder for nameless files (output of processes), `temporary` the folder for trials' files.

        `work` supplies the trials; `inquiry` answers the run's question, if it has one. `orders` says what runs in each
        trial; with None, all collected tests run. `renewal` decides when a process is replaced; with None, the caller
        does. `scout` decides which tests may run at first, `crowd` whether more processes are wanted.
        """
        self.share_left = 0.0
        """Share of `--duration` that is left for later checks once a trial has failed."""
        self._scout = scout
        self._crowd = crowd
        self._lanes = lanes_per_process(spec)
        """The number of lanes at each place."""
        self._work = work
        self._renewal = renewal
        self._orders = orders
        self._spec = spec
        self._scratch = scratch
        self._temporary = temporary
        self._run_id = run_id
        self._emit = emit
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, WorkerProcess] = {}
        self._watches: dict[int, ProcessWatch] = {}
        self._next_number = max(spec.first_process, before.next_process)
        self._elapsed_before = before.elapsed
        self._begun_ns = monotonic_ns()
        self._started_ns: int | None = None
        self._next_look_ns = 0
        self._next_reap_ns = 0
        self._has_lost = False
        self._has_noted_session = False
        self._relayed: Counter[str] = Counter()
        """Packets under the faults of a network, by what became of them."""
        self._usual = usual = UsualDuration()
        self._limit = TimeLimit(spec.timeout, usual, adapts=spec.adapts_timeout)
        self._overdue = Overdue(usual, self._limit)
        self._ending = Ending()
        self._settlement = Settlement(inquiry)
        self._loading = Loading(emit)
        running = self._processes
        self._results = TrialResults(spec, emit, work, self._settlement, self._ending, running, usual, self._limit)
        self._results.ended, self._results.failed = before.trials, before.failed
        self._suspicions = Suspicions(self._results, work)
        self._leasing = Leasing(work, running, self._ending, self._suspicions, orders, renewal, scout)
        self._replacement = Replacement(
            spec.target, self._start, work, self._results, self._loading, self._ending, running
        )
        # The teardown of session fixtures may take longer.
        farewell = max(spec.grace, _FAREWELL_SECONDS) if isinstance(spec.target, PytestTarget) else spec.grace
        self._farewell_ns = int(farewell * 1e9)

    def stop(self, reason: Stop, *, urgently: bool = False) -> None:
        """End the run early; an urgent or a second request does not wait for the trials in flight.

        Safe in a signal handler.
        """
        self._ending.is_urgent |= urgently or self._ending.reason is not None
        self._ending.request(reason)

    def run(self) -> None:
        """Run to the end.

        Raises UsageError or CannotRunError if the target cannot be run; no process is left, however it ends.
        """
        try:
            self.start()
            while self.is_running:
                self.step(_TICK)
            for note in (self._results.surplus_note, self._relay_note()):
                if note:
                    self._emit(Noted(message=note))
        finally:
            self.close()

    def start(self) -> None:
        """Start the processes; they run with `step`, and `close` must follow. Raises CannotRunError."""
        for place, lanes in enumerate(self._lanes):
            if self._ending.reason is None:
                self._start(place, lanes)

    @property
    def is_running(self) -> bool:
        """Whether there is any process."""
        return bool(self._processes)

    @property
    def has_started(self) -> bool:
        """Whether a process has loaded the target."""
        return self._started_ns is not None

    def fileno(self) -> int:
        """Descriptor that becomes readable when `step` must be called; `step` is also due at each tick."""
        return self._selector.fileno()

    def step(self, timeout: float) -> None:
        """Wait at most `timeout` seconds for messages and ends of processes, and handle them. Raises like `run`."""
        self._handle(self._selector.select(timeout))
        now = monotonic_ns()
        self._end_in_time(now)
        if now >= self._next_look_ns:
            self._next_look_ns = now + int(_TICK * 1e9)
            self._tick(now)
        if not self._processes and self._ending.reason is None and self._work.left != 0:
            self._replacement.give_up("the limits of this machine do not allow it")

    def close(self) -> None:
        """End every process."""
        for process in list(self._processes.values()):
            self._remove(process)
        self._selector.close()
        self._suspicions.give_up()

    def wake(self, place: int) -> None:
        """Lease newly available trials to the process at `place`."""
        for process in self._at(place):
            if process.ready and self._ending.reason is None:
                self._leasing.top_up(process)

    def wake_all(self) -> None:
        """Lease newly available trials wherever there is room."""
        self._leasing.top_up_all()

    @property
    def in_flight(self) -> list[int]:
        """Trials that are running, or that come next in a process that is between two."""
        found: list[int] = []
        for process in self._processes.values():
            running = list(process.in_flight())
            found += running or ([] if process.account.next is None else [process.account.next])
        return found

    @property
    def unreported(self) -> int:
        """How many trials have ended whose outcome no event has told yet."""
        return self._results.completed() - self._results.ended

    def renew(self, place: int) -> None:
        """Replace the idle process at `place` by a new one, unless it has not run any trial yet."""
        for process in self._at(place):
            if process.taken:
                process.finish()
        self.wake(place)

    def _at(self, place: int) -> list[WorkerProcess]:
        return [process for process in self._processes.values() if process.place == place]

    def end(self) -> RunEnded:
        """The last event of the run: how long it took, and why it ended."""
        ended_ns, reason = self._results.last_end_ns, self._ending.reason
        elapsed = (ended_ns - self._started_ns) / 1e9 if self._started_ns and ended_ns else 0.0
        return RunEnded(
            elapsed=self._elapsed_before + max(0.0, elapsed),
            stopped=reason.value if reason else None,
            dropped=self._ending.dropped,
        )

    # -- processes

    def _start(self, place: int, lanes: int) -> None:
        spec, number, target = self._spec, self._next_number, self._spec.target
        self._next_number += 1
        order, environment = order_for(
            *(spec, number, place, self._lanes),
            run_id=self._run_id,
            scratch=self._scratch,
            temporary=self._temporary,
            private_network=self._private_network,
        )
        try:
            process = WorkerProcess(number, place, target.python, target.folder, order, environment)
        except OSError as error:
            raise CannotRunError(
                f"cannot start a worker process with {target.python}: {error}",
                "name another interpreter with --python, or check the limits of this machine (ulimit -a)",
            ) from error
        self._processes[number] = process
        self._results.limit_failures()
        now = monotonic_ns()
        self._watches[number] = ProcessWatch(self._limit, spec.grace, now)
        self._loading.begins(number, now)
        self._selector.register(process.fileno(), selectors.EVENT_READ, process)
        self._selector.register(process.pidfd, selectors.EVENT_READ, process)

    @property
    def _private_network(self) -> bool:
        faulty = has_packet_faults(self._spec.perturbations.network)
        return bool(self._spec.private_network or faulty or (self._scout is not None and self._scout.private_network))

    def _relay_note(self) -> str:
        if not self._relayed:
            return ""
        from flakeproof.engine.network_words import relay_note  # here: it imports sockets

        return relay_note(self._relayed, self._spec.perturbations.network)

    def _remove(self, process: WorkerProcess) -> int:
        del self._processes[process.number]
        self._selector.unregister(process.fileno())
        self._selector.unregister(process.pidfd)
        return process.close()

    def _handle(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for process in {id(key.data): key.data for key, _ in ready}.values():
            if process.number not in self._processes:
                continue
            # Checked before reading: if the process is dead, everything that it has sent has arrived.
            exited = process.has_exited()
            for message in process.messages(to_the_end=exited):
                if is_possible(message, process):
                    self._hear(process, message)
                else:
                    process.sent_impossible = True
            if process.is_spoilt:
                self._lose(process)
            elif exited:
                self._bury(process)
            elif process.ready and self._ending.reason is None:
                self._leasing.top_up(process)
                if self._scout is not None and self._scout.one_at_a_time and not process.account.leases:
                    self._leasing.top_up_all()  # another process may have waited for this one to be idle

    def _hear(self, process: WorkerProcess, message: object) -> None:
        match message:
            case Ready():
                process.ready = True
                process.ready_ns = monotonic_ns()
                process.lane_kind = message.lanes
                self._results.collected(process, message.items, message.remarks)
                now = process.ready_ns
                if self._renewal is not None:
                    self._renewal.started(process, now)
                if self._started_ns is None:
                    self._started_ns = now
                self._replacement.loaded(process, now)
                if self._ending.reason is not None:
                    process.stop()
            case Unloadable():
                if self._started_ns is None and message.kind != "broken":
                    raise unloadable(message, self._spec.target)
                process.unloadable = message
            case Passed():
                process.account.exhausted(message.leases)
                trials = process.account.passed(message.count, message.trials)
                process.latest_items = message.items
                self._passed(process, message.count, message.durations, trials)
                self._settle(process)
                if message.count:
                    self._scouted(passed=True)
            case messages.Used():
                if self._scout is not None:
                    self._scout.used = message
            case TrialEnded():
                process.account.ended(message.trial)
                if self._scout is not None and self._scout.is_trying(message.trial) and _is_bad(message.outcome):
                    self._work.put_back(process.place, [(message.trial, 1)])
                    self._scouted(passed=False)
                    return
                if message.found is not None and self._orders is not None:
                    self._orders.found(message.trial, message.found)
                self._ended_alone(process, message)
                self._scouted(passed=not _is_bad(message.outcome))
            case messages.SightingsReported():
                self._emit(Sighted(process=process.number, seen=message.seen))
            case messages.Relayed():
                self._relayed.update(message.counts)
            case messages.SessionFixtures() if not self._has_noted_session:
                self._has_noted_session = True
                if (note := session_note(message)) is not None:
                    self._emit(Noted(message=note))
            case Bye():
                process.bye_ns = monotonic_ns()

    def _bury(self, process: WorkerProcess) -> None:
        """Account for every trial of a process that has exited; replace the process if trials are left."""
        flying = process.in_flight()
        remains = process.account.at_death(process.taken, set(flying))
        watch = self._watches.pop(process.number)
        output = process.output()
        item = process.running_item if process.lane_kind == "pytest_passes" else ""
        self._replacement.ended(process)
        if self._renewal is not None:
            self._renewal.ended(process, monotonic_ns())
        if remains.passed:
            self._passed(process, remains.passed, [], process.account.passed(remains.passed, in_flight=set(flying)))
        now = monotonic_ns()
        group = self._suspicions.died(process)
        put_back = [block for block in remains.unstarted if group is None or block != (group.running, 1)]
        guilty = suspects.culprit(process, remains.in_flight, output) if remains.in_flight else 0
        status = self._remove(process)
        if not process.ready and (watch.hung_loading or not watch.ending):
            self._replacement.not_loaded(
                *(process, status, output, now), hung=watch.hung_loading, any_started=self.has_started
            )
        unclear: list[int] = []

        def crash(trial: int) -> Failure:
            number, code = (-status, None) if status < 0 else (None, status)
            seconds = (now - flying[trial]) / 1e9
            seed = trial_seed(self._spec.seed, trial)
            return failure_records.crashed(trial, seed, process.number, seconds, number, code, output, item=item)

        for trial in remains.in_flight:
            if self._scout is not None and self._scout.is_trying(trial):
                put_back.append((trial, 1))
            elif trial in watch.blamed:
                seconds = watch.blamed[trial]
                seed, words = trial_seed(self._spec.seed, trial), self._limit.words(seconds)
                self._results.died(
                    process,
                    failure_records.timed_out(trial, seed, process.number, seconds, output, item=item, words=words),
                )
            elif not watch.ending and trial == guilty:
                self._results.died(process, crash(trial))
                if group is not None:
                    group.is_solved = True
            elif watch.ending or guilty:
                # The trial ran beside one that hung, or that ended the process. It has no result and runs again.
                self._ending.dropped += self._ending.reason is not None  # unless the run ends: then it is dropped
                if group is None:
                    put_back.append((trial, 1))
            else:
                unclear.append(trial)
        if group is not None:
            self._suspicions.examined(group, has_run=group.running in {*watch.blamed, guilty})
        if unclear:
            put_back += self._suspicions.suspect(Suspects(crash, unclear, process))
        self._settle(process)
        self._work.put_back(process.place, put_back)
        if self._scout is not None and self._scout.trial in remains.in_flight:
            self._scouted(passed=False)
        elif self._scout is not None and (self._scout.trial, 1) in put_back:
            self._scout.came_back()
        if self._ending.reason is None and (self._work.left != 0 or self._suspicions.waits_at(process.place)):
            self._replacement.replace(process, status, output, any_started=self.has_started)

    def _lose(self, process: WorkerProcess) -> None:
        """Give up a process that can no longer be trusted; trials that it had and did not report have no result."""
        process.kill(signal.SIGKILL)
        if not self._has_lost:
            self._has_lost = True
            self._emit(Noted(message=f"{self._spec.target.name}: {SPOILT}"))
        lost = process.account.without_outcome()
        self._results.lost(process, lost, SPOILT)
        if not lost and process.sent_impossible:
            # Forged reports have taken the place of true ones.
            self._ending.request(Stop.INTERFERED)
        self._watches.pop(process.number)
        self._settle(process)
        self._replacement.interfered()
        status = self._remove(process)
        if self._ending.reason is None and self._work.left != 0:
            self._replacement.replace(process, status, "", any_started=self.has_started)

    # -- trials

    def _scouted(self, *, passed: bool) -> None:
        """The test that ran alone has ended: let others run, with a private network if it has shown the need."""
        scout = self._scout
        if scout is None or scout.is_over:
            return
        scout.ended(passed=passed)
        for process in self._processes.values():
            process.set_private_network(on=self._private_network)
        self._leasing.top_up_all()

    def _passed(
        self, process: WorkerProcess, count: int, durations: list[tuple[int, int]], trials: list[Block]
    ) -> None:
        event = self._results.passed(process, count, durations, trials)
        if event is not None and not self._suspicions.holds_back(process, event):
            self._results.record(process, event)

    def _ended_alone(self, process: WorkerProcess, message: TrialEnded) -> None:
        self._results.reported(process, message)
        self._suspicions.ended(process)

    def _settle(self, process: WorkerProcess) -> None:
        """Every trial that has ended in `process` is known."""
        self._results.settle(process)
        if self._renewal is not None and self._renewal.wants(self._settlement.further_processes):
            self._emit(Noted(message=self._renewal.explanation))

    # -- time

    def _elapsed(self, now: int) -> float:
        """Seconds since the first process was ready."""
        return self._elapsed_before + (now - self._started_ns) / 1e9 if self._started_ns else 0.0

    def _end_in_time(self, now: int) -> None:
        duration = self._spec.duration
        if duration is not None and self._results.failed:
            duration *= 1 - self.share_left
        # A run without a single trial would say nothing, so the first one may end, unless `patience` limits it.
        may_end = self._results.ended or self._spec.patience is not None
        if duration is not None and self._elapsed(now) >= duration and may_end:
            self._ending.request(Stop.DURATION)
        if is_over_with_patience(self._spec, (now - self._begun_ns) / 1e9):
            self.stop(Stop.DURATION, urgently=True)
        if self._ending.reason is not None:
            self._wind_down(now)

    def _tick(self, now: int) -> None:
        """Check every board and the clock."""
        for process in [process for process in self._processes.values() if process.is_spoilt]:
            self._lose(process)
        is_all_given = self._loading.any_loaded and self._work.is_over and self._work.left == 0
        is_all_given = is_all_given and not self._suspicions.any_left
        if is_all_given and not any(process.ready for process in self._processes.values()):
            limit = self._loading.limit_at_the_end(now)
            for watch in self._watches.values():
                watch.limit_loading(limit)
        for process in self._processes.values():
            self._watches[process.number].look(process, now)
            item = process.running_item if process.lane_kind == "pytest_passes" else ""
            for line in self._overdue.look(process.in_flight(), now, item):
                self._emit(Noted(message=line))
            process.say_the_rest()
            process.trim_output(_OUTPUT_LIMIT)
            if process.bye_ns and now - process.bye_ns > self._farewell_ns:
                process.kill(signal.SIGKILL)  # an exit handler of the user's code hangs; all trials are reported
        if self._scout is not None and (not self._scout.is_over or self._scout.one_at_a_time):
            self._scout.look(now)
            self._leasing.top_up_all()
        self._start_more(now)
        if now >= self._next_reap_ns:
            self._next_reap_ns = now + _REAP_NS
            reap_orphans()
        self._emit(
            Progressed(
                completed=self._results.completed(),
                failed=self._results.failed,
                planned=self._spec.count,
                elapsed=self._elapsed(now),
                planned_duration=self._spec.duration,
            )
        )

    def _start_more(self, now: int) -> None:
        """Start more processes, if the tests leave processors idle and copies of them do not collide."""
        crowd, scout, usual, duration = self._crowd, self._scout, self._usual.median, self._spec.duration
        if crowd is None or self._ending.reason is not None or (scout is not None and not scout.permits_more):
            return
        left = [] if duration is None else [duration - self._elapsed(now)]
        if self._work.left is not None:
            left.append(self._work.left * (usual or 0.0) / max(1, len(self._processes)))
        for _ in range(crowd.wanted(now, self._processes.values(), usual, min(left, default=None))):
            if note := crowd.explanation(self._spec.workers):
                self._emit(Noted(message=note))
            self._lanes.append(1)
            self._replacement.start_another(len(self._lanes) - 1, 1)

    def _wind_down(self, now: int) -> None:
        """Stop every process; kill those that do not stop within the grace time (a hanging trial is no failure)."""
        ending = self._ending
        if not ending.since_ns:
            ending.since_ns = now
            for process in self._processes.values():
                process.stop()
        patience = self._spec.patience if ending.reason is Stop.DURATION else self._spec.grace
        if ending.is_urgent:
            patience = 0.0
        overdue = patience is not None and now - ending.since_ns > patience * 1e9
        for process in self._processes.values():
            if overdue or not process.ready:
                if not process.ready:
                    self._loading.abandoned(process.number, now)
                process.kill(signal.SIGKILL)
                self._watches[process.number].abandon()


def _is_bad(outcome: Outcome) -> bool:
    return outcome.is_failure or outcome is Outcome.LOST
