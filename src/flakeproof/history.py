"""What has happened in a run, counted: folded from its events, live or out of its log."""

from collections import Counter
from dataclasses import dataclass, field

from flakeproof.events import (
    AnyRecord,
    RunEnded,
    RunStarted,
    TrialFailed,
    TrialLost,
    TrialsCounted,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.model import Failure, Outcome, RunSpec

_SIGNATURES_KEPT = 200
_OTHER = "(further signatures)"


@dataclass
class Group:
    """Failures that share a signature."""

    signature: str
    example: Failure
    count: int = 0


@dataclass
class History:
    """Counts of one run; its size does not grow with the number of trials."""

    run_id: str = ""
    spec: RunSpec | None = None
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    groups: dict[str, Group] = field(default_factory=dict)
    durations: Counter[int] = field(default_factory=Counter)
    """Passed trials per duration bucket (`flakeproof_worker.durations`)."""
    elapsed: float = 0.0
    stopped: str | None = None
    ended: bool = False

    def add(self, event: AnyRecord) -> None:
        """Count `event`."""
        match event:
            case RunStarted():
                self.run_id, self.spec = event.run_id, event.spec
            case TrialsPassed():
                self.outcomes[Outcome.PASSED] += event.count
                for bucket, count in event.durations:
                    self.durations[bucket] += count
            case TrialFailed():
                self.outcomes[event.failure.outcome] += 1
                self._group(event.failure)
            case TrialSkipped():
                self.outcomes[Outcome.SKIPPED] += 1
            case TrialLost():
                self.outcomes[Outcome.LOST] += 1
            case TrialsCounted():
                self.outcomes[event.outcome] += event.count
                if group := self.groups.get(event.signature, self.groups.get(_OTHER)):
                    group.count += event.count
            case RunEnded():
                self.elapsed, self.stopped, self.ended = event.elapsed, event.stopped, True

    @property
    def failed(self) -> int:
        """Trials that count against the target."""
        return sum(count for outcome, count in self.outcomes.items() if outcome.is_failure)

    @property
    def total(self) -> int:
        """Trials that have an outcome."""
        return sum(self.outcomes.values())

    def _group(self, failure: Failure) -> None:
        key = failure.signature
        if key not in self.groups and len(self.groups) >= _SIGNATURES_KEPT:
            key = _OTHER
        group = self.groups.setdefault(key, Group(key, failure))
        group.count += 1
