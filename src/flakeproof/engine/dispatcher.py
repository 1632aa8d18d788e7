"""The one loop that owns order and state of a run: it leases trials, hears how they end, and watches over processes."""

import os
import selectors
import signal
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine import failure_records, messages
from flakeproof.engine.collected_items import Collected
from flakeproof.engine.leases import Orders, Work
from flakeproof.engine.leftovers import marker_of, reap_orphans
from flakeproof.engine.limits import lanes_per_process
from flakeproof.engine.messages import Bye, Ended, Passed, Ready, Unloadable
from flakeproof.engine.perturbation_notes import with_drawn
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.process_endings import event_of, status_text
from flakeproof.engine.question import Inquiry, Settlement
from flakeproof.engine.scout import Scout
from flakeproof.engine.slow_trials import Overdue
from flakeproof.engine.stop import Stop
from flakeproof.engine.time_limits import Watch
from flakeproof.engine.unloadable import unloadable
from flakeproof.engine.usual_duration import TimeLimit, UsualDuration
from flakeproof.errors import CannotRunError
from flakeproof.events import (
    Answered,
    AnyEvent,
    ItemsCollected,
    Noted,
    Progressed,
    RunEnded,
    Sighted,
    TrialFailed,
    TrialLost,
    TrialsPassed,
)
from flakeproof.model import CommandTarget, Failure, ItemOutcome, Outcome, PytestTarget, RunSpec
from flakeproof_worker.environment import RUN
from flakeproof_worker.shared import slots
from flakeproof_worker.shared.seeds import trial_seed
from flakeproof_worker.shared.variables import of_process

_TICK = 0.05
"""Seconds between two looks at the boards and the clock."""
_LEASE_SECONDS = 0.05
"""Work that a lease should hold: long enough to cost nothing, short enough to share out fairly."""
_LEASES_AHEAD = 2
_LARGEST_LEASE = 65_536
_FRUITLESS_STARTS = 3
"""Processes that may end one after the other without having taken a trial before the run is given up."""
_FAREWELL_SECONDS = 10.0
_REAP_NS = 1_000_000_000
_OUTPUT_LIMIT = 64 * 1024 * 1024


class Dispatcher:
    """Runs `spec` and tells `emit` what happens."""

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
        scout: Scout | None = None,
    ) -> None:
        """`scratch` is a folder for files that have no name (output of processes), `temporary` one for trials'.

        `work` has the trials to run; `inquiry` is whether the run's question is answered, None if it has none.
        `orders` has what runs in each trial where that is not all that is collected. `scout` says who may run at first.
        """
        self._scout = scout
        self.share_left = 0.0
        """Of the time given: left for others as soon as something has failed."""
        self._work = work
        self._orders = orders
        self._settlement = Settlement(inquiry)
        self._spec = spec
        self._scratch = scratch
        self._temporary = temporary
        self._collection = Collected()
        self._run_id = run_id
        self._emit = emit
        self._selector = selectors.DefaultSelector()
        self._processes: dict[int, WorkerProcess] = {}
        self._watches: dict[int, Watch] = {}
        self._next_number = spec.first_process
        self._fruitless = 0
        self._completed_before = 0
        self._ended = 0
        self._failed = 0
        self._started_ns: int | None = None
        self._last_end_ns = 0
        self._next_look_ns = 0
        self._next_reap_ns = 0
        self._dropped = 0
        self._stop: Stop | None = None
        self._stop_ns = 0
        self._insist = False
        self._usual = UsualDuration()
        self._limit = TimeLimit(spec.timeout, self._usual, adapts=spec.adapts_timeout)
        self._overdue = Overdue(self._usual, self._limit)
        # Fixtures of a pytest session may have something larger to take down.
        farewell = max(spec.grace, _FAREWELL_SECONDS) if isinstance(spec.target, PytestTarget) else spec.grace
        self._farewell_ns = int(farewell * 1e9)

    def stop(self, reason: Stop) -> None:
        """End the run early; a second request does not wait for the trials in flight. Safe in a signal handler."""
        if self._stop is None:
            self._stop = reason
        else:
            self._insist = True

    def run(self) -> None:
        """Run to the end.

        Raises UsageError or CannotRunError if the target cannot be run; no process is left in any case.
        """
        try:
            self.start()
            while self.is_running:
                self.step(_TICK)
        finally:
            self.close()

    def start(self) -> None:
        """Start the processes; they run with `step`, and `close` must follow. Raises CannotRunError."""
        for place, lanes in enumerate(lanes_per_process(self._spec)):
            if self._stop is None:
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
        """Descriptor on which something is ready when `step` has to be called, which is also due at each tick."""
        return self._selector.fileno()

    def step(self, timeout: float) -> None:
        """Wait for at most `timeout` seconds until something happens, and see to it. Raises like `run`."""
        self._handle(self._selector.select(timeout))
        now = monotonic_ns()
        self._end_in_time(now)
        if now >= self._next_look_ns:
            self._next_look_ns = now + int(_TICK * 1e9)
            self._tick(now)
        if not self._processes and self._stop is None and self._work.left != 0:
            self._give_up("the limits of this machine do not allow it")

    def close(self) -> None:
        """End every process."""
        for process in list(self._processes.values()):
            self._remove(process)
        self._selector.close()

    def wake(self, place: int) -> None:
        """Look for work for the process at `place`: there is some that was not there before."""
        for process in self._at(place):
            if process.ready and self._stop is None:
                self._top_up(process)

    def renew(self, place: int) -> None:
        """Have the process at `place`, which has nothing to do now, end and another one start, if it is not new."""
        for process in self._at(place):
            if process.taken:
                process.finish()
        self.wake(place)

    def _at(self, place: int) -> list[WorkerProcess]:
        return [process for process in self._processes.values() if process.place == place]

    def end(self) -> RunEnded:
        """How long it took, and why it ended; to be told when all is done."""
        elapsed = (self._last_end_ns - self._started_ns) / 1e9 if self._started_ns and self._last_end_ns else 0.0
        stopped = self._stop.value if self._stop else None
        return RunEnded(elapsed=max(0.0, elapsed), stopped=stopped, dropped=self._dropped)

    # -- processes

    def _start(self, place: int, lanes: int) -> None:
        spec, number = self._spec, self._next_number
        all_lanes = lanes_per_process(spec)
        self._next_number += 1
        target = spec.target
        order: dict[str, Any] = {
            "coordinator": os.getpid(),
            "seed": spec.seed,
            "lanes": lanes,
            "isolation": spec.isolation.value,
            "grace": spec.grace,
            "timeout": None if spec.adapts_timeout else spec.timeout,
            "scratch": self._scratch,
            "temporary": self._temporary,
            "draws_hash_seed": "PYTHONHASHSEED" not in {**os.environ, **target.environment},
            "listens": spec.drop_failed,
            "slots": {},
            "private_network": self._private_network,
            "sanitize": msgspec.to_builtins(spec.sanitize),
            "target": msgspec.to_builtins(target),
            "perturbations": msgspec.to_builtins(spec.perturbations),
        }
        environment = {**os.environ, RUN: marker_of(self._run_id)}
        if isinstance(target, PytestTarget | CommandTarget):
            order["slots"] = slots.of_process(sum(all_lanes[:place]), sum(all_lanes), os.environ)
            environment |= slots.variables(0, order["slots"])
        if not isinstance(target, CommandTarget):
            # Recorded by way of the seed, different in each process: what hangs on hash order can show itself.
            environment.setdefault("PYTHONHASHSEED", str(trial_seed(spec.seed, number)))
            environment |= of_process(order["perturbations"], spec.seed, number)
            environment |= target.environment
        try:
            process = WorkerProcess(number, place, target.python, target.folder, order, environment)
        except OSError as error:
            raise CannotRunError(
                f"cannot start a worker process with {target.python}: {error}",
                "name another interpreter with --python, or check the limits of this machine (ulimit -a)",
            ) from error
        self._processes[number] = process
        self._watches[number] = Watch(self._limit, spec.grace, monotonic_ns())
        self._selector.register(process.fileno(), selectors.EVENT_READ, process)
        self._selector.register(process.pidfd, selectors.EVENT_READ, process)

    @property
    def _private_network(self) -> bool:
        return bool(self._spec.private_network or (self._scout is not None and self._scout.private_network))

    def _remove(self, process: WorkerProcess) -> int:
        del self._processes[process.number]
        self._selector.unregister(process.fileno())
        self._selector.unregister(process.pidfd)
        return process.close()

    def _handle(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for process in {id(key.data): key.data for key, _ in ready}.values():
            if process.number not in self._processes:
                continue
            # Looked at before reading: what a dead process has sent is all there then.
            exited = process.has_exited()
            for message in process.messages(to_the_end=exited):
                self._hear(process, message)
            if exited:
                self._bury(process)
            elif process.ready and self._stop is None:
                self._top_up(process)
                if self._scout is not None and self._scout.one_at_a_time and not process.account.leases:
                    self._top_up_all()  # somebody may have waited for this one

    def _hear(self, process: WorkerProcess, message: object) -> None:
        match message:
            case Ready():
                process.ready = True
                process.lane_kind = message.lanes
                self._collected(process, message.items)
                if self._started_ns is None:
                    self._started_ns = monotonic_ns()
                if self._stop is not None:
                    process.stop()
            case Unloadable():
                if self._started_ns is None:
                    raise unloadable(message, self._spec.target)
                process.unloadable = message.message
            case Passed():
                process.account.exhausted(message.leases)
                process.account.passed(message.count)
                process.latest_items = message.items
                self._passed(process, message.count, message.durations)
                self._settle(process)
                if message.count:
                    self._scouted(passed=True)
            case messages.Used():
                if self._scout is not None:
                    self._scout.used = message
            case Ended():
                process.account.ended(message.trial)
                if self._scout is not None and self._scout.is_trying(message.trial) and _is_bad(message.outcome):
                    self._work.put_back(process.place, [(message.trial, 1)])
                    self._scouted(passed=False)
                    return
                if message.found is not None and self._orders is not None:
                    self._orders.found(message.trial, message.found)
                self._ended_alone(process, message)
                self._scouted(passed=not _is_bad(message.outcome))
            case messages.Sighted():
                self._emit(Sighted(process=process.number, seen=message.seen))
            case Bye():
                process.bye_ns = monotonic_ns()

    def _collected(self, process: WorkerProcess, items: list[str]) -> None:
        """Note what pytest has collected in `process`; all must have the same to be counted together."""
        process.items = items
        if self._collection.hear(items):
            self._emit(ItemsCollected(items=items))
            self._settlement.told(process.number, ItemsCollected(items=items))
        if dropped := self._collection.dropped:
            process.leave_out(dropped)

    def _drop(self, items: Iterable[str]) -> None:
        """Have no process repeat what has failed once; end the run when nothing is left."""
        failed = self._collection.drop(items)
        if not failed:
            return
        for process in self._processes.values():
            if process.ready:
                process.leave_out(failed)
        if self._collection.is_used_up and self._stop is None:
            self._stop = Stop.ALL_FAILED

    def _bury(self, process: WorkerProcess) -> None:
        """Account for every trial of a process that has exited; replace it if there is work left."""
        flying = process.in_flight()
        remains = process.account.at_death(process.taken, set(flying))
        watch = self._watches.pop(process.number)
        output = process.output()
        item = process.running_item if process.lane_kind == "pytest_passes" else ""
        self._count_fruitless(process)
        status = self._remove(process)
        if remains.passed:
            self._passed(process, remains.passed, [])
        now = monotonic_ns()
        put_back = list(remains.unstarted)
        for trial in remains.in_flight:
            if self._scout is not None and self._scout.is_trying(trial):
                put_back.append((trial, 1))
                continue
            seed = trial_seed(self._spec.seed, trial)
            if trial in watch.blamed:
                seconds = watch.blamed[trial]
                words = self._limit.words(seconds)
                self._died(
                    process,
                    failure_records.timed_out(trial, seed, process.number, seconds, output, item=item, words=words),
                )
            elif watch.ending:
                # It ran beside a trial that hung; it has no result and gets another chance, as does an unstarted one.
                put_back.append((trial, 1))
                self._dropped += self._stop is not None  # there will be none
            else:
                number = -status if status < 0 else None
                code = status if status >= 0 else None
                seconds = (now - flying[trial]) / 1e9
                self._died(
                    process,
                    failure_records.crashed(trial, seed, process.number, seconds, number, code, output, item=item),
                )
        self._settle(process)
        self._work.put_back(process.place, put_back)
        if self._scout is not None and self._scout.trial in remains.in_flight:
            self._scouted(passed=False)
        if self._stop is None and self._work.left != 0:
            self._replace(process, status, output)

    def _count_fruitless(self, process: WorkerProcess) -> None:
        """Count the processes that ended one after the other without a trial, while no other got any further."""
        completed = self._completed()
        if process.taken or completed > self._completed_before:
            self._fruitless = 0
        self._completed_before = completed
        self._fruitless += not process.taken

    def _replace(self, process: WorkerProcess, status: int, output: str) -> None:
        """Start another process for one that has ended, unless that has proven to be useless."""
        if self._started_ns is None and (status >= 0 or self._fruitless >= _FRUITLESS_STARTS):
            raise CannotRunError(
                f"a worker process ended ({status_text(status)}) before it ran anything", details=output.strip()
            )
        if self._fruitless >= _FRUITLESS_STARTS:
            self._give_up(process.unloadable or f"a worker process ended ({status_text(status)})")
            return
        try:
            self._start(process.place, process.lanes)
        except CannotRunError as error:
            if self._processes:
                return  # the others have to do
            self._give_up(error.message)

    def _give_up(self, why: str) -> None:
        """End a run in which no process can be started any more, but keep what has been seen."""
        self._stop = Stop.GIVEN_UP
        block = self._work.take(0, 1)
        if block is not None:
            self._ended += 1
            self._emit(TrialLost(trial=block[0], reason=f"it could not be started: {why}"))

    # -- trials

    def _top_up(self, process: WorkerProcess) -> None:
        if process.is_finishing:
            return
        if self._scout is not None and not self._scout.is_over and self._work.left != 0:
            self._send_scout(process, self._scout)
            return
        if self._scout is not None and self._scout.one_at_a_time and self._work.left != 0:
            self._give_one(process)
            return
        wanted = self._trials_per_lease(process)
        # What is given ahead waits behind what is slow, or hangs. Only short trials are worth it.
        most = _LEASES_AHEAD if wanted > process.lanes else 1
        while process.account.leases < most:
            block = self._work.take(process.place, self._fair_share(max(wanted, process.lanes)))
            if block is None:
                if self._work.is_over:
                    process.finish()  # should another process die, a replacement takes what it gives back
                return
            orders = self._orders
            process.give(block, [orders.order_of(block[0] + n) for n in range(block[1])] if orders is not None else ())

    def _send_scout(self, process: WorkerProcess, scout: Scout) -> None:
        """Have `process` run the one test that runs alone, if it is not running yet."""
        block = self._work.take(process.place, 1) if scout.wants_trial else None
        if block is not None:
            process.give(block, scout=scout.looks)
            scout.started(block[0], monotonic_ns())

    def _give_one(self, process: WorkerProcess) -> None:
        """Have `process` run one test, if nobody else runs one."""
        if any(other.account.leases for other in self._processes.values()):
            return
        block = self._work.take(process.place, 1)
        if block is not None:
            process.give(block)

    def _scouted(self, *, passed: bool) -> None:
        """The test that ran alone has ended: have others run, under what it has shown."""
        scout = self._scout
        if scout is None or scout.is_over:
            return
        scout.ended(passed=passed)
        for process in self._processes.values():
            process.set_private_network(on=self._private_network)
        self._top_up_all()

    def _top_up_all(self) -> None:
        for process in self._processes.values():
            if process.ready and self._stop is None:
                self._top_up(process)

    def _trials_per_lease(self, process: WorkerProcess) -> int:
        """Trials that the process has been getting through in the time that a lease should take."""
        elapsed = self._elapsed(monotonic_ns())
        completed = process.taken - len(process.in_flight())  # what has only been started tells nothing of its length
        return min(_LARGEST_LEASE, int(completed / elapsed * _LEASE_SECONDS)) if elapsed > 0 else 0

    def _fair_share(self, wanted: int) -> int:
        left = self._work.left
        return wanted if left is None else min(wanted, max(1, left // (2 * len(self._processes))))

    def _passed(self, process: WorkerProcess, count: int, durations: list[tuple[int, int]]) -> None:
        if count:
            self._usual.passed(durations)
            self._ended += count
            self._last_end_ns = monotonic_ns()
            items = process.latest_items
            event = TrialsPassed(process=process.number, count=count, durations=durations, items=items)
            self._tell(process, event)

    def _ended_alone(self, process: WorkerProcess, message: Ended) -> None:
        if message.outcome.is_failure:
            seed = trial_seed(self._spec.seed, message.trial)
            words = self._limit.words(message.ns / 1e9) if message.outcome is Outcome.TIMED_OUT else ""
            failure = failure_records.from_report(message, seed, process.number, process.lane_kind, words)
            further = failure_records.further(message, failure)
            self._failure(process, failure, further, message.items, cut_short=message.cut_short)
            return
        self._ended += 1
        self._last_end_ns = monotonic_ns()
        self._tell(process, event_of(message, process.number))

    def _died(self, process: WorkerProcess, failure: Failure) -> None:
        """A trial that did not come to its end."""
        items = {failure.item: ItemOutcome.FAILED} if failure.item else {}
        self._failure(process, failure, [], items, cut_short=bool(self._collection.items))

    def _failure(
        self,
        process: WorkerProcess,
        failure: Failure,
        further: list[Failure],
        items: dict[str, ItemOutcome],
        *,
        cut_short: bool,
    ) -> None:
        self._ended += 1
        self._failed += 1
        failure = with_drawn(failure, self._spec)
        self._last_end_ns = monotonic_ns()
        event = TrialFailed(number=self._failed, failure=failure, further=further, items=items, cut_short=cut_short)
        self._tell(process, event)
        if self._spec.drop_failed:
            self._drop(items)
        limit = self._spec.max_failures
        if limit is not None and self._failed >= limit and self._stop is None:
            self._stop = Stop.FAILFAST if limit == 1 else Stop.MAX_FAILURES

    # -- time

    def _elapsed(self, now: int) -> float:
        """Seconds since the first process was ready."""
        return (now - self._started_ns) / 1e9 if self._started_ns else 0.0

    def _settle(self, process: WorkerProcess) -> None:
        """All that has ended in `process` is known."""
        finding = self._settlement.settle(process.number)
        if finding is not None and self._stop is None:
            self._emit(Answered(finding=finding))
            self._stop = Stop.ANSWERED

    def _tell(self, process: WorkerProcess, event: AnyEvent) -> None:
        """Tell how trials of `process` ended."""
        self._emit(event)
        self._settlement.told(process.number, event)
        self._work.ended(process.place, event)

    def _end_in_time(self, now: int) -> None:
        duration = self._spec.duration
        if duration is not None and self._failed:
            duration *= 1 - self.share_left
        if duration is not None and self._elapsed(now) >= duration and self._stop is None:
            self._stop = Stop.DURATION
        if self._stop is not None:
            self._wind_down(now)

    def _tick(self, now: int) -> None:
        """Look at every board and at the clock."""
        for process in self._processes.values():
            self._watches[process.number].look(process, now)
            item = process.running_item if process.lane_kind == "pytest_passes" else ""
            for line in self._overdue.look(process.in_flight(), now, item):
                self._emit(Noted(message=line))
            process.say_the_rest()
            process.trim_output(_OUTPUT_LIMIT)
            if process.bye_ns and now - process.bye_ns > self._farewell_ns:
                process.kill(signal.SIGKILL)  # an exit handler of the user's code hangs; every trial is reported
        if self._scout is not None and not self._scout.is_over:
            self._scout.look(now)
        if self._scout is not None and not (self._scout.is_over and not self._scout.one_at_a_time):
            self._top_up_all()
        if now >= self._next_reap_ns:
            self._next_reap_ns = now + _REAP_NS
            reap_orphans()
        self._emit(
            Progressed(
                completed=self._completed(),
                failed=self._failed,
                planned=self._spec.count,
                elapsed=self._elapsed(now),
                planned_duration=self._spec.duration,
            )
        )

    def _completed(self) -> int:
        """Trials that have ended, also those that have not been reported yet."""
        return self._ended + sum(
            max(0, process.taken - process.account.reported - len(process.in_flight()))
            for process in self._processes.values()
        )

    def _wind_down(self, now: int) -> None:
        """Have every process stop; end those that do not within the grace time (a hanging trial is not a failure)."""
        if not self._stop_ns:
            self._stop_ns = now
            for process in self._processes.values():
                process.stop()
        patience = None if self._stop is Stop.DURATION else self._spec.grace
        if self._insist:
            patience = 0.0
        overdue = patience is not None and now - self._stop_ns > patience * 1e9
        for process in self._processes.values():
            if overdue or not process.ready:
                process.kill(signal.SIGKILL)
                self._watches[process.number].abandon()


def _is_bad(outcome: Outcome) -> bool:
    return outcome.is_failure or outcome is Outcome.LOST
