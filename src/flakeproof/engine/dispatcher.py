"""The one loop that owns order and state of a run: it leases trials, hears how they end, and watches over processes."""

import os
import selectors
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.engine import failure_records, messages, suspects
from flakeproof.engine.collected_items import Collected
from flakeproof.engine.leases import Block, Orders, Work
from flakeproof.engine.leftovers import marker_of, reap_orphans
from flakeproof.engine.limits import lanes_per_process
from flakeproof.engine.loading import Loading
from flakeproof.engine.messages import Bye, Ended, Passed, Ready, Unloadable
from flakeproof.engine.perturbation_notes import with_drawn
from flakeproof.engine.plausible import is_possible
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.process_endings import event_of, status_text
from flakeproof.engine.question import Inquiry, Settlement
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.scout import Scout
from flakeproof.engine.session_note import session_note
from flakeproof.engine.slow_trials import Overdue
from flakeproof.engine.surplus import Surplus
from flakeproof.engine.suspects import Suspects
from flakeproof.engine.time_limits import Watch
from flakeproof.engine.unloadable import unloadable
from flakeproof.engine.usual_duration import TimeLimit, UsualDuration
from flakeproof.errors import CannotRunError, Stop
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
SPOILT = (
    "a test has written into what flakeproof uses in its process (the socket, or the memory that shows what runs): "
    "which of the tests in it passed is not known"
)


@dataclass(frozen=True)
class Before:
    """What a run that is resumed has done already."""

    trials: int = 0
    failed: int = 0
    elapsed: float = 0.0
    """Seconds."""
    next_process: int = 0
    """Number of the first process now."""


_NOTHING_BEFORE = Before()


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
        before: Before = _NOTHING_BEFORE,
        renewal: Renewal | None = None,
        scout: Scout | None = None,
    ) -> None:
        """`scratch` is a folder for files that have no name (output of processes), `temporary` one for trials'.

        `work` has the trials to run; `inquiry` is whether the run's question is answered, None if it has none.
        `orders` has what runs in each trial where that is not all that is collected. `renewal` says when a process
        gives way to a new one; None where somebody else does. `scout` says who may run at first.
        """
        self._scout = scout
        self.share_left = 0.0
        """Of the time given: left for others as soon as something has failed."""
        self._work = work
        self._renewal = renewal
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
        self._suspects: dict[int, list[Suspects]] = {}
        """By place: trials of which one has ended a process, and is still to be found."""
        self._alone: dict[int, Suspects] = {}
        """By process: of whom it has one to itself."""
        self._next_number = max(spec.first_process, before.next_process)
        self._fruitless = 0
        self._completed_before = 0
        self._ended = before.trials
        self._failed = before.failed
        self._elapsed_before = before.elapsed
        self._surplus = Surplus()
        self._started_ns: int | None = None
        self._last_end_ns = 0
        self._next_look_ns = 0
        self._next_reap_ns = 0
        self._dropped = 0
        self._stop: Stop | None = None
        self._stop_ns = 0
        self._insist = False
        self._has_lost = False
        self._loading = Loading(emit)
        self._told_session = False
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
            if note := self._surplus.told():
                self._emit(Noted(message=note))
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
        self._give_up_suspicions()

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
        return RunEnded(elapsed=self._elapsed_before + max(0.0, elapsed), stopped=stopped, dropped=self._dropped)

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
        self._limit_failures()
        now = monotonic_ns()
        self._watches[number] = Watch(self._limit, spec.grace, now)
        self._loading.begins(number, now)
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
                if is_possible(message, process):
                    self._hear(process, message)
                else:
                    process.says_what_cannot_be = True
            if process.is_spoilt:
                self._lose(process)
            elif exited:
                self._bury(process)
            elif process.ready and self._stop is None:
                self._top_up(process)
                if self._scout is not None and self._scout.one_at_a_time and not process.account.leases:
                    self._top_up_all()  # somebody may have waited for this one

    def _hear(self, process: WorkerProcess, message: object) -> None:
        match message:
            case Ready():
                process.ready = True
                process.ready_ns = monotonic_ns()
                process.lane_kind = message.lanes
                self._collected(process, message.items, message.remarks)
                now = process.ready_ns
                if self._renewal is not None:
                    self._renewal.started(process, now)
                if self._started_ns is None:
                    self._started_ns = now
                self._loaded(process, now)
                if self._stop is not None:
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
            case messages.Session() if not self._told_session:
                self._told_session = True
                if (note := session_note(message)) is not None:
                    self._emit(Noted(message=note))
            case Bye():
                process.bye_ns = monotonic_ns()

    def _collected(self, process: WorkerProcess, items: list[str], remarks: list[str]) -> None:
        """Note what pytest has collected in `process`; all must have the same to be counted together.

        `remarks` are about how it was collected, and told once.
        """
        process.items = items
        if self._collection.hear(items):
            self._emit(ItemsCollected(items=items))
            self._settlement.told(process.number, ItemsCollected(items=items))
            for remark in remarks:
                self._emit(Noted(message=remark))
        if dropped := self._collection.dropped:
            process.leave_out(sorted(dropped))

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

    def _limit_failures(self) -> None:
        """Let no process have more failures than may still be counted, should all of them come from it."""
        most = self._spec.max_failures
        if most is not None:
            for process in self._processes.values():
                process.limit_failures(process.failures_heard + max(1, most - self._failed))

    def _bury(self, process: WorkerProcess) -> None:
        """Account for every trial of a process that has exited; replace it if there is work left."""
        flying = process.in_flight()
        remains = process.account.at_death(process.taken, set(flying))
        watch = self._watches.pop(process.number)
        output = process.output()
        item = process.running_item if process.lane_kind == "pytest_passes" else ""
        self._count_fruitless(process)
        if self._renewal is not None:
            self._renewal.ended(process, monotonic_ns())
        if remains.passed:
            self._passed(process, remains.passed, [], process.account.passed(remains.passed, in_flight=set(flying)))
        now = monotonic_ns()
        group = self._alone.pop(process.number, None)
        put_back = [block for block in remains.unstarted if group is None or block != (group.running, 1)]
        guilty = suspects.culprit(process, remains.in_flight, output) if remains.in_flight else 0
        status = self._remove(process)
        if not process.ready and (watch.hung_loading or not watch.ending):
            self._not_loaded(process, status, output, now, hung=watch.hung_loading)
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
                self._died(
                    process,
                    failure_records.timed_out(trial, seed, process.number, seconds, output, item=item, words=words),
                )
            elif not watch.ending and trial == guilty:
                self._died(process, crash(trial))
                if group is not None:
                    group.is_solved = True
            elif watch.ending or guilty:
                # It ran beside one that hung, or that ended the process. It has no result and gets another chance.
                self._dropped += self._stop is not None  # there will be none
                if group is None:
                    put_back.append((trial, 1))
            else:
                unclear.append(trial)
        if group is not None:
            self._examined(group, has_run=group.running in {*watch.blamed, guilty})
        if unclear:
            put_back += self._suspect(Suspects(crash, unclear, process))
        self._settle(process)
        self._work.put_back(process.place, put_back)
        if self._scout is not None and self._scout.trial in remains.in_flight:
            self._scouted(passed=False)
        if self._stop is None and (self._work.left != 0 or self._suspects.get(process.place)):
            self._replace(process, status, output)

    def _lose(self, process: WorkerProcess) -> None:
        """Give up a process of which nothing can be believed any more; what it had and has not told has no result."""
        process.kill(signal.SIGKILL)
        if not self._has_lost:
            self._has_lost = True
            self._emit(Noted(message=f"{self._spec.target.name}: {SPOILT}"))
        lost = process.account.without_outcome()
        for trial in lost:
            self._ended += 1
            self._tell(process, TrialLost(trial=trial, reason=SPOILT))
        if (
            not lost and process.says_what_cannot_be and self._stop is None
        ):  # what it has told of too much took the place of what it told truly
            self._stop = Stop.INTERFERED
        self._last_end_ns = monotonic_ns()
        self._watches.pop(process.number)
        self._settle(process)
        self._fruitless = 0
        status = self._remove(process)
        if self._stop is None and self._work.left != 0:
            self._replace(process, status, "")

    def _suspect(self, group: Suspects) -> list[Block]:
        """Find out who of `group` has ended their process; return those that are to run again like any other."""
        if group.is_over:  # too many to try
            self._solve(group)
            return [(trial, 1) for trial in group.without_result]
        self._suspects.setdefault(group.process.place, []).append(group)
        return []

    def _examined(self, group: Suspects, *, has_run: bool) -> None:
        """The suspect that ran alone has ended, or has to be tried again."""
        group.ran(has_run=has_run)
        if group.is_over:
            place = group.process.place
            self._suspects[place].remove(group)
            self._solve(group)

    def _solve(self, group: Suspects) -> None:
        """Tell what was held back until it was known who has to be charged."""
        if not group.is_solved and (failure := group.charged()) is not None:
            group.passed.pop(failure.trial, None)
            items = {failure.item: ItemOutcome.FAILED} if failure.item else {}
            cut_short = bool(self._collection.items)
            self._failure(group.process, failure, [], items, cut_short=cut_short, suspects=group.trials)
        for event in group.passed.values():
            self._ended += event.count
            self._tell(group.process, event)

    def _give_up_suspicions(self) -> None:
        """The run ends before all suspects have run alone."""
        self._alone.clear()
        for place, groups in self._suspects.items():
            for group in groups:
                self._solve(group)
                self._work.put_back(place, [(trial, 1) for trial in group.without_result])
        self._suspects.clear()

    def _count_fruitless(self, process: WorkerProcess) -> None:
        """Count the processes that ended one after the other without a trial, while no other got any further."""
        completed = self._completed()
        if process.taken or completed > self._completed_before:
            self._fruitless = 0
        self._completed_before = completed
        self._fruitless += not process.taken

    def _loaded(self, process: WorkerProcess, now: int) -> None:
        """Go on with `process`, which has loaded the target, and try again where that has failed before."""
        self._loading.loaded(process.number, process.place, now)
        vacant, self._loading.vacant = self._loading.vacant, []
        for place, lanes in vacant:
            if self._stop is None and self._work.left != 0:
                self._start_another(place, lanes)

    def _not_loaded(self, process: WorkerProcess, status: int, output: str, now: int, *, hung: bool) -> None:
        """Account for a process that could not load the target. Raises CannotRunError if none can."""
        if isinstance(self._spec.target, CommandTarget):
            return  # there is nothing of the user's in it
        said = process.unloadable
        self._loading.failed(process.number, process.place, said, status, output, now, hung=hung)
        if self._started_ns is None and not self._processes and self._loading.is_hopeless():
            if said is not None:
                raise unloadable(said, self._spec.target)
            why = "did not load the target in time" if hung else f"ended ({status_text(status)}) before it ran anything"
            raise CannotRunError(f"a worker process {why}", details=output.strip())

    def _replace(self, process: WorkerProcess, status: int, output: str) -> None:
        """Start another process for one that has ended, unless that has proven to be useless."""
        if not process.ready and not isinstance(self._spec.target, CommandTarget):
            if self._started_ns is None and self._processes:
                self._loading.vacant.append((process.place, process.lanes))
                return  # first see whether the others can
            if self._loading.is_given_up(process.place) and any(other.ready for other in self._processes.values()):
                return  # the others have to do
        elif self._started_ns is None and (status >= 0 or self._fruitless >= _FRUITLESS_STARTS):
            raise CannotRunError(
                f"a worker process ended ({status_text(status)}) before it ran anything", details=output.strip()
            )
        if self._fruitless >= _FRUITLESS_STARTS:
            said = process.unloadable
            self._give_up(said.message if said is not None else f"a worker process ended ({status_text(status)})")
            return
        self._start_another(process.place, process.lanes)

    def _start_another(self, place: int, lanes: int) -> None:
        try:
            self._start(place, lanes)
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
        if groups := self._suspects.get(process.place):
            if not process.account.leases and process.number not in self._alone:
                self._alone[process.number] = groups[0]
                self._give(process, (groups[0].next(), 1))
            return
        if self._scout is not None and not self._scout.is_over and self._work.left != 0:
            self._send_scout(process, self._scout)
            return
        if self._scout is not None and self._scout.one_at_a_time and self._work.left != 0:
            self._give_one(process)
            return
        renewal = self._renewal
        if renewal is not None and renewal.is_due(process, monotonic_ns(), self._work.left):
            process.finish()
            return
        hurries = renewal is not None and renewal.hurries
        wanted = 0 if hurries else self._trials_per_lease(process)
        # What is given ahead waits behind what is slow, or hangs. Only short trials are worth it.
        most = _LEASES_AHEAD if wanted > process.lanes else 1
        while process.account.leases < most:
            block = self._work.take(process.place, self._fair_share(max(wanted, process.lanes)))
            if block is None:
                if self._work.is_over:
                    process.finish()  # should another process die, a replacement takes what it gives back
                return
            self._give(process, block)
            if hurries:
                process.finish()

    def _give(self, process: WorkerProcess, block: Block) -> None:
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
        elapsed = (monotonic_ns() - process.ready_ns) / 1e9
        completed = process.taken - len(process.in_flight())  # what has only been started tells nothing of its length
        return min(_LARGEST_LEASE, int(completed / elapsed * _LEASE_SECONDS)) if elapsed > 0 else 0

    def _fair_share(self, wanted: int) -> int:
        left = self._work.left
        return wanted if left is None else min(wanted, max(1, left // (2 * len(self._processes))))

    def _passed(
        self, process: WorkerProcess, count: int, durations: list[tuple[int, int]], trials: list[Block]
    ) -> None:
        if (kept := self._surplus.passed(process.number, count)) != count:
            count, trials = kept, []  # which of them have ended in time is not known
        if count:
            self._usual.passed(durations)
            self._last_end_ns = monotonic_ns()
            items = process.latest_items
            event = TrialsPassed(process=process.number, count=count, durations=durations, items=items, trials=trials)
            if (group := self._alone.pop(process.number, None)) is not None:
                group.passed[group.running] = event
                self._examined(group, has_run=True)
                return
            self._ended += count
            self._tell(process, event)

    def _ended_alone(self, process: WorkerProcess, message: Ended) -> None:
        self._told_alone(process, message)
        if (group := self._alone.pop(process.number, None)) is not None:
            self._examined(group, has_run=True)

    def _told_alone(self, process: WorkerProcess, message: Ended) -> None:
        if message.outcome.is_failure:
            seed = trial_seed(self._spec.seed, message.trial)
            words = self._limit.words(message.ns / 1e9) if message.outcome is Outcome.TIMED_OUT else ""
            trial = failure_records.from_report(message, seed, process.number, process.lane_kind, words)
            self._failure(process, trial.failure, trial.further, trial.items, cut_short=trial.cut_short)
            return
        if message.outcome is Outcome.LEAKED and not self._surplus.passed(process.number, 1):
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
        suspects: Sequence[int] = (),
    ) -> None:
        process.failures_heard += 1
        if self._surplus.failed(process.number):
            return
        known = self._collection.dropped if self._spec.drop_failed else set()
        left = [one for one in (failure, *further) if one.item not in known]
        items = {item: ItemOutcome.LEFT_OUT if item in known else outcome for item, outcome in items.items()}
        if not left:
            # It was in flight when all that failed in it had been dropped already.
            if cut_short:
                self._work.put_back(process.place, [(failure.trial, 1)])
            else:
                self._ended += 1
                self._tell(process, TrialsPassed(process=process.number, count=1, durations=[], items=items))
            return
        failure, *further = left
        self._ended += 1
        self._failed += 1
        failure = with_drawn(failure, self._spec)
        self._last_end_ns = monotonic_ns()
        event = TrialFailed(
            number=self._failed,
            failure=failure,
            further=further,
            items=items,
            cut_short=cut_short,
            suspects=list(suspects),
        )
        self._tell(process, event)
        if self._spec.drop_failed:
            self._drop(items)
        limit = self._spec.max_failures
        if limit is not None and self._failed >= limit and self._stop is None:
            self._stop = Stop.FAILFAST if limit == 1 else Stop.MAX_FAILURES
            self._surplus.begin({one.number: one.unreported for one in self._processes.values()})
        self._limit_failures()

    # -- time

    def _elapsed(self, now: int) -> float:
        """Seconds since the first process was ready."""
        return self._elapsed_before + (now - self._started_ns) / 1e9 if self._started_ns else 0.0

    def _settle(self, process: WorkerProcess) -> None:
        """All that has ended in `process` is known."""
        finding = self._settlement.settle(process.number)
        if self._renewal is not None and self._renewal.wants(self._settlement.further_processes):
            self._emit(Noted(message=self._renewal.explanation))
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
        for process in [process for process in self._processes.values() if process.is_spoilt]:
            self._lose(process)
        is_all_given = self._loading.any_loaded and self._work.is_over and self._work.left == 0
        is_all_given = is_all_given and not any(self._suspects.values())
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
        return self._ended + sum(process.unreported for process in self._processes.values())

    def _wind_down(self, now: int) -> None:
        """Have every process stop; end those that do not within the grace time (a hanging trial is not a failure)."""
        if not self._stop_ns:
            self._stop_ns = now
            for process in self._processes.values():
                process.stop()
        patience = self._spec.patience if self._stop is Stop.DURATION else self._spec.grace
        if self._insist:
            patience = 0.0
        overdue = patience is not None and now - self._stop_ns > patience * 1e9
        for process in self._processes.values():
            if overdue or not process.ready:
                if not process.ready:
                    self._loading.abandoned(process.number, now)
                process.kill(signal.SIGKILL)
                self._watches[process.number].abandon()


def _is_bad(outcome: Outcome) -> bool:
    return outcome.is_failure or outcome is Outcome.LOST
