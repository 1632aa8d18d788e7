"""Count how trials end, pass the events on, and decide whether they end the run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from flakeproof.clock import monotonic_ns
from flakeproof.engine import failure_records
from flakeproof.engine.collection import Collected
from flakeproof.engine.endings import event_of
from flakeproof.engine.leases import Block, Work
from flakeproof.engine.messages import TrialEnded
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.reported_tests import ReportedTests
from flakeproof.engine.run_end import Ending, Settlement, Surplus
from flakeproof.engine.usual_duration import TimeLimit, UsualDuration
from flakeproof.errors import Stop
from flakeproof.events import Answered, AnyEvent, ItemsCollected, Noted, TrialFailed, TrialLost, TrialsPassed
from flakeproof.model import CommandTarget, Failure, ItemOutcome, Outcome, RunSpec
from flakeproof_worker.shared.durations import sketch
from flakeproof_worker.shared.seeds import trial_seed

if TYPE_CHECKING:
    from flakeproof.engine.wire_evidence import WireEvidence


class TrialResults:
    """Counts the trials of one run as they end, and informs the sinks, the run's question and the source of trials."""

    def __init__(
        self,
        spec: RunSpec,
        emit: Callable[[AnyEvent], None],
        work: Work,
        settlement: Settlement,
        ending: Ending,
        processes: Mapping[int, WorkerProcess],
        usual: UsualDuration,
        limit: TimeLimit,
    ) -> None:
        """`processes` always holds the running processes; `limit` is the time limit of a trial, for messages."""
        self._spec = spec
        self._emit = emit
        self._work = work
        self._settlement = settlement
        self._ending = ending
        self._processes = processes
        self._usual = usual
        self._limit = limit
        self._surplus = Surplus()
        self._collection = Collected()
        target = spec.target
        self._reported = ReportedTests((target.results or "") if isinstance(target, CommandTarget) else "")
        self.ended = 0
        """How many trials have ended and count."""
        self.failed = 0
        """How many of these failed."""
        self.last_end_ns = 0
        """When the last one ended (monotonic nanoseconds); 0 if none has."""

    @cached_property
    def _wire(self) -> "WireEvidence":
        from flakeproof.engine.wire_evidence import WireEvidence  # here: it imports sockets, TLS and asyncio

        return WireEvidence(self._spec.perturbations.network)

    @property
    def has_items(self) -> bool:
        """Whether trials are passes over tests that pytest has collected."""
        return bool(self._collection.items)

    @property
    def surplus_note(self) -> str:
        """A note on trials that ended too late to count; "" if there are none."""
        return self._surplus.note()

    def completed(self) -> int:
        """How many trials have ended, including those that have not been reported yet."""
        return self.ended + sum(process.unreported for process in self._processes.values())

    def collected(self, process: WorkerProcess, items: list[str], remarks: list[str]) -> None:
        """Note the items that pytest has collected in `process`; all processes must have collected the same ones.

        `remarks` on the collection are reported once. Raises CannotRunError if the items differ.
        """
        if not items and isinstance(self._spec.target, CommandTarget):
            return  # its tests are known when a trial of it has ended
        process.items = items
        if self._collection.hear(items):
            event = ItemsCollected(items=items)
            self._emit(event)
            self._settlement.add(process.number, event)
            for remark in remarks:
                self._emit(Noted(message=remark))
        if dropped := self._collection.dropped:
            process.leave_out(sorted(dropped))

    def passed(
        self, process: WorkerProcess, count: int, durations: list[tuple[int, int]], trials: list[Block]
    ) -> TrialsPassed | None:
        """Take in that `count` trials passed in `process`; return the event to `record`, None if no trial counts."""
        if (kept := self._surplus.passed(process.number, count)) != count:
            count, trials = kept, []  # it is not known which of them have ended in time
        if not count:
            return None
        self._usual.passed(durations)
        self.last_end_ns = monotonic_ns()
        items = process.latest_items
        return TrialsPassed(process=process.number, count=count, durations=durations, items=items, trials=trials)

    def reported(self, process: WorkerProcess, message: TrialEnded) -> None:
        """Take in a trial that `process` reported individually, because it did not simply pass."""
        seed = trial_seed(self._spec.seed, message.trial)
        words = self._limit.words(message.ns / 1e9) if message.outcome is Outcome.TIMED_OUT else ""
        if message.reports is not None and message.outcome is not Outcome.LOST:
            self._with_reports(process, message, seed, words)
            return
        if message.outcome.is_failure:
            trial = failure_records.from_report(message, seed, process.number, process.lane_kind, words)
            first = trial.failure
            if message.packets is not None or message.network is not None:
                first = self._wire.of(first, message.packets, message.network)
            self.failure(process, first, trial.further, trial.items, cut_short=trial.cut_short)
            return
        if message.outcome is Outcome.LEAKED and not self._surplus.passed(process.number, 1):
            return
        self.last_end_ns = monotonic_ns()
        self.record(process, event_of(message, process.number))

    def _with_reports(self, process: WorkerProcess, message: TrialEnded, seed: int, words: str) -> None:
        """Take in a trial of a command that writes what became of its tests."""
        found = self._reported.take(message, seed, process.number, words)
        if found.note:
            self._emit(Noted(message=found.note))
        if found.first_names:
            self.collected(process, found.first_names, [])
        # The command runs what was dropped as before: it counts no more, neither way.
        left_out = dict.fromkeys(self._collection.dropped, ItemOutcome.LEFT_OUT)
        if (failed := found.failed) is not None:
            items = {**left_out, **failed.items}
            self.failure(process, failed.failure, failed.further, items, cut_short=failed.cut_short)
            return
        if not self._surplus.passed(process.number, 1):
            return
        durations = list(sketch([message.ns]).items())
        self._usual.passed(durations)
        self.last_end_ns = monotonic_ns()
        trials = [(message.trial, 1)]
        items = {**found.items, **left_out}
        self.record(
            process,
            TrialsPassed(process=process.number, count=1, durations=durations, items=items, trials=trials),
        )

    def died(self, process: WorkerProcess, failure: Failure, suspects: Sequence[int] = ()) -> None:
        """Take in a trial whose process died; if it is one of several `suspects`, name them."""
        items = {failure.item: ItemOutcome.FAILED} if failure.item else {}
        self.failure(process, failure, [], items, cut_short=self.has_items, suspects=suspects)

    def lost(self, process: WorkerProcess, trials: Iterable[int], reason: str) -> None:
        """Take in `trials` that have no result, through no fault of the target."""
        for trial in trials:
            self.record(process, TrialLost(trial=trial, reason=reason))
        self.last_end_ns = monotonic_ns()

    def never_started(self, trial: int, reason: str) -> None:
        """Take in a trial for which no process could be started."""
        self.ended += 1
        self._emit(TrialLost(trial=trial, reason=reason))

    def failure(
        self,
        process: WorkerProcess,
        failure: Failure,
        further: list[Failure],
        items: dict[str, ItemOutcome],
        *,
        cut_short: bool,
        suspects: Sequence[int] = (),
    ) -> None:
        """Take in a trial that failed: `failure` and `further` ones in it, and how its `items` ended.

        With `cut_short`, items after the failed one did not run.
        """
        process.failures_heard += 1
        if self._surplus.failed(process.number):
            return
        known = self._collection.dropped if self._spec.drop_failed else set()
        left = [one for one in (failure, *further) if one.item not in known]
        items = {item: ItemOutcome.LEFT_OUT if item in known else outcome for item, outcome in items.items()}
        if not left:
            # Every failed item was dropped while the trial was in flight.
            if cut_short:
                self._work.put_back(process.place, [(failure.trial, 1)])
            else:
                self.record(process, TrialsPassed(process=process.number, count=1, durations=[], items=items))
            return
        failure, *further = left
        self.failed += 1
        self.last_end_ns = monotonic_ns()
        event = TrialFailed(
            number=self.failed,
            failure=failure_records.with_drawn(failure, self._spec),
            further=further,
            items=items,
            cut_short=cut_short,
            suspects=list(suspects),
        )
        self.record(process, event)
        if self._spec.drop_failed:
            self._drop(items)
        limit = self._spec.max_failures
        if limit is not None and self.failed >= limit and self._ending.reason is None:
            self._ending.request(Stop.FAILFAST if limit == 1 else Stop.MAX_FAILURES)
            self._surplus.begin({one.number: one.unreported for one in self._processes.values()})
        self.limit_failures()

    def record(self, process: WorkerProcess, event: AnyEvent) -> None:
        """Count trials of `process` that ended, and pass `event` on."""
        self.ended += event.count if isinstance(event, TrialsPassed) else 1
        self._emit(event)
        self._settlement.add(process.number, event)
        self._work.ended(process.place, event)

    def settle(self, process: WorkerProcess) -> None:
        """Check the run's question, now that every trial that has ended in `process` is known."""
        finding = self._settlement.settle(process.number)
        if finding is not None and self._ending.reason is None:
            self._emit(Answered(finding=finding))
            self._ending.request(Stop.ANSWERED)

    def limit_failures(self) -> None:
        """Stop each process once it alone has had all failures that may still count."""
        most = self._spec.max_failures
        if most is not None:
            for process in self._processes.values():
                process.limit_failures(process.failures_heard + max(1, most - self.failed))

    def _drop(self, items: Iterable[str]) -> None:
        """Stop running items that have failed, in all processes; end the run when none is left."""
        failed = self._collection.drop(items)
        if not failed:
            return
        for process in self._processes.values():
            if process.ready:
                process.leave_out(failed)
        if self._collection.is_used_up:
            self._ending.request(Stop.ALL_FAILED)
