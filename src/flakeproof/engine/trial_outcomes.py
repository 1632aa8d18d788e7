"""How the trials of a run have ended, each by its number: for searches that run many small ones."""

from flakeproof.events import (
    AnyEvent,
    ItemsCollected,
    RunEnded,
    TrialFailed,
    TrialLeaked,
    TrialLost,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof_worker.shared.durations import RATIO


class Ended:
    """Takes in the events of one run, of which no record is kept."""

    def __init__(self) -> None:
        self.failed: dict[int, frozenset[str]] = {}
        self.without_result: set[int] = set()
        self.elapsed = 0.0
        self.stopped: str | None = None
        self.items: list[str] = []
        """What pytest has collected."""
        self._passed = 0
        self._timed = 0
        self._seconds = 0.0

    @property
    def trials(self) -> int:
        """That have a result."""
        return self._passed + len(self.failed)

    @property
    def duration(self) -> float:
        """Seconds of a trial, on average."""
        return self._seconds / self._timed if self._timed else 0.0

    def add(self, event: AnyEvent) -> None:
        """Take in an event of the run."""
        match event:
            case TrialFailed():
                self._timed += 1
                self._seconds += event.failure.duration
                names = frozenset(failure.signature for failure in (event.failure, *event.further))
                self.failed[event.failure.trial] = names
            case TrialSkipped() | TrialLost():
                self.without_result.add(event.trial)
            case TrialLeaked():
                self._passed += 1
            case ItemsCollected():
                self.items = list(event.items)
            case TrialsPassed():
                self._passed += event.count
                self._timed += sum(count for _, count in event.durations)
                self._seconds += sum(count * RATIO**bucket / 1e9 for bucket, count in event.durations)
            case RunEnded():
                self.elapsed, self.stopped = event.elapsed, event.stopped
