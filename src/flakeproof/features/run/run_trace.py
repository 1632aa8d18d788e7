"""How a run went, as far as a page shows it: folded from its log, and no larger for more trials."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from flakeproof.events import (
    AnyRecord,
    RunStarted,
    Settled,
    TrialFailed,
    TrialLeaked,
    TrialsCounted,
    TrialsPassed,
)
from flakeproof.model import RunSpec
from flakeproof.store.log import read_events
from flakeproof_worker.shared.durations import bucket_of

_POINTS = 2_000
_COLUMNS = 120
_PLACES = 50_000
"""Failures whose places are kept; a log has the first thousand of them in full, and later ones in short."""


@dataclass
class RunTrace:
    """Counts along the way, places of failures, durations."""

    spec: RunSpec | None = None
    at: str = ""
    """When it began, ISO 8601, UTC."""
    points: list[tuple[int, int]] = field(default_factory=list)
    """Trials that have passed or failed, and failures among them, as the log tells them."""
    places: list[tuple[int, int, str]] = field(default_factory=list)
    """Number of the trial, process and signature of failures, in the order of the log."""
    passed: Counter[int] = field(default_factory=Counter)
    """Passes by the bucket of their duration …"""
    failed: Counter[int] = field(default_factory=Counter)
    """… and failures."""
    highest: int = 0
    """Highest number of a trial."""
    _decided: int = 0
    _failures: int = 0

    def add(self, event: AnyRecord) -> None:
        """Take it in."""
        match event:
            case RunStarted():
                self.spec, self.at = event.spec, event.at
            case TrialsPassed():
                self._count(event.count, 0)
                for bucket, count in event.durations:
                    self.passed[bucket] += count
            case TrialLeaked():
                self._count(1, 0)
                self.passed[bucket_of(int(event.duration * 1e9))] += 1
            case TrialFailed():
                failure = event.failure
                self._count(1, 1)
                self.highest = max(self.highest, failure.trial)
                self.failed[bucket_of(int(failure.duration * 1e9))] += 1
                if len(self.places) < _PLACES:
                    self.places.append((failure.trial, failure.process, failure.signature))
            case TrialsCounted() if event.outcome.is_failure:
                self._count(event.count, event.count)
            case Settled():
                self.highest = max([self.highest, *(first + count - 1 for first, count in event.trials)])
            case _:
                pass

    def _count(self, decided: int, failures: int) -> None:
        self._decided += decided
        self._failures += failures
        self.points.append((self._decided, self._failures))
        if len(self.points) > _POINTS:
            del self.points[1:-1:2]

    def binned(self) -> Counter[tuple[int, int, str]]:
        """The places of failures, those near each other put together: trial, process, signature, and how many."""
        width = max(1, -(-self.highest // _COLUMNS))
        return Counter(
            ((trial - 1) // width * width + (width + 1) // 2, process, signature)
            for trial, process, signature in self.places
        )


def trace_of(folder: Path) -> RunTrace:
    """The trace of the run whose record is in `folder`. Raises OSError and msgspec.DecodeError."""
    found = RunTrace()
    for event in read_events(folder):
        found.add(event)
    return found
