"""Runs what the search decides, until there is an answer, the time is over or a signal has come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flakeproof.clock import monotonic_ns
from flakeproof.engine.execute import signals_stop
from flakeproof.engine.limits import lanes_per_process
from flakeproof.errors import Stop, StoppedError, is_signal
from flakeproof.failures.signature import Alike
from flakeproof.features.compare.recorded_comparison import conduct_comparison
from flakeproof.features.compare.records import ComparisonArm, ComparisonSpec
from flakeproof.features.compare.summary import ComparisonSummary
from flakeproof.features.compare.verdict import FixVerdict
from flakeproof.features.onset.bench import CommitBench
from flakeproof.features.onset.record_file import BisectRecord
from flakeproof.features.onset.records import AnyBisectEvent, BisectAnswer, Compared, Visited
from flakeproof.features.onset.search import BisectSearch, Compare, End, Visit
from flakeproof.store.folder import Store

_LONGEST_COMPARISON = 600.0
_SMALLEST_CHANGE = 2.0
"""Factor in the odds, as everywhere in the search."""


class Listener(Protocol):
    """Who hears of each step."""

    def planned(self, step: Visit | Compare) -> None:
        """What is done next."""

    def done(self, event: AnyBisectEvent) -> None:
        """What came of it."""


@dataclass(frozen=True)
class DriverOutcome:
    """How it ended."""

    end: End
    stopped: str | None


class Driver:
    """One bisection while it runs."""

    def __init__(
        self,
        search: BisectSearch,
        bench: CommitBench,
        record: BisectRecord,
        store: Store,
        keep: int,
        warn: Callable[[str], None],
        listener: Listener,
    ) -> None:
        self._search = search
        self._bench = bench
        self._record = record
        self._store = store
        self._keep = keep
        self._warn = warn
        self._listener = listener
        self._first = 1 + sum(visit.asked for visit in search.visits)

    def run(self, seconds: float) -> DriverOutcome:
        """Search for so many seconds at most. Raises FlakeproofError where the failing end cannot be run."""
        deadline = monotonic_ns() + int(seconds * 1e9)
        try:
            with signals_stop(_unwind, once=True):
                while True:
                    step = self._search.next()
                    if isinstance(step, End):
                        return DriverOutcome(step, None)
                    left = (deadline - monotonic_ns()) / 1e9
                    if left <= 0:
                        return DriverOutcome(self._open(), Stop.DURATION.value)
                    self._listener.planned(step)
                    event = self._visited(step, left) if isinstance(step, Visit) else self._compared(step, left)
                    self._record.write(event)
                    self._search.hear(event)
                    self._listener.done(event)
        except StoppedError as stopped:
            return DriverOutcome(self._open(), stopped.reason)

    def _open(self) -> End:
        if not self._search.visits:
            return End(BisectAnswer.OPEN)
        top = self._search.onset.culprits
        return End(BisectAnswer.OPEN, top[0].bits, top[0].probability) if top else End(BisectAnswer.OPEN)

    def _visited(self, visit: Visit, left: float) -> AnyBisectEvent:
        must = visit.commit == self._search.failing_end
        event = self._bench.visit(visit, self._first, left, must=must)
        if isinstance(event, Visited):
            self._first += visit.trials
        return event

    def _compared(self, compare: Compare, left: float) -> Compared:
        started = monotonic_ns()
        spec, search = self._search.spec, self._search
        culprit = self._bench.arm(compare.culprit, "culprit")
        parent = self._bench.arm(compare.parent, "parent")
        arms = (parent, culprit) if spec.fixed else (culprit, parent)
        summary = conduct_comparison(
            _comparison(arms, spec.error, min(left, _LONGEST_COMPARISON), spec.seed),
            self._store,
            lambda folder, referee: [],
            lambda name: [],
            self._warn,
            self._keep,
            becomes_latest=False,
        )
        if is_signal(summary.stopped):
            raise StoppedError(summary.stopped)
        failed = _failures(summary, search.signatures)
        by_name = {
            summary.base.name: (failed[0], summary.base.passed),
            summary.fix.name: (failed[1], summary.fix.passed),
        }
        return Compared(
            culprit=compare.culprit,
            parent=compare.parent,
            run_id=summary.run_id,
            confirmed=_confirmed(summary, search.signatures),
            culprit_failed=by_name["culprit"][0],
            culprit_passed=by_name["culprit"][1],
            parent_failed=by_name["parent"][0],
            parent_passed=by_name["parent"][1],
            seconds=(monotonic_ns() - started) / 1e9,
        )


def _unwind(reason: Stop) -> None:
    raise StoppedError(reason.value)


def _comparison(arms: tuple[ComparisonArm, ComparisonArm], error: float, seconds: float, seed: int) -> ComparisonSpec:
    lanes = lanes_per_process(arms[0].spec)
    return ComparisonSpec(
        arms=arms,
        error=error,
        reduction=_SMALLEST_CHANGE,
        most_trials=None,
        duration=seconds,
        company=max(lanes),
        places=len(lanes),
        seed=seed,
    )


def _failures(summary: ComparisonSummary, signatures: Sequence[str]) -> tuple[int, int]:
    """Trials of both arms that failed in the way that counts."""
    alike = Alike(signatures)
    counting = [kind for kind in summary.kinds if alike.name(kind.signature) in signatures]
    return (
        min(summary.base.failed, sum(kind.base for kind in counting)),
        min(summary.fix.failed, sum(kind.fix for kind in counting)),
    )


def _confirmed(summary: ComparisonSummary, signatures: Sequence[str]) -> bool | None:
    """Whether the failure that counts is proven to be rarer in the second arm; None without a verdict."""
    alike = Alike(signatures)
    verdicts = {kind.verdict for kind in summary.kinds if alike.name(kind.signature) in signatures}
    if verdicts & {FixVerdict.FIXED, FixVerdict.REDUCED}:
        return True
    if summary.verdict is FixVerdict.NOT_FIXED or (summary.verdict is not FixVerdict.INCONCLUSIVE and not verdicts):
        return False
    failed = _failures(summary, signatures)
    return True if summary.verdict is not FixVerdict.INCONCLUSIVE and failed[0] > failed[1] else None
