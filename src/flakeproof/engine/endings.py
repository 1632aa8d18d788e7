"""Turn the ends of trials and processes into events, counts and messages for the user."""

import signal

from flakeproof.engine.messages import TrialEnded, Unloadable
from flakeproof.errors import CannotRunError, FlakeproofError, NothingToRunError, UsageError
from flakeproof.events import (
    AnyEvent,
    ItemsCollected,
    RunEnded,
    TrialFailed,
    TrialLeaked,
    TrialLost,
    TrialPassed,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.model import Outcome, PytestTarget, TargetSpec
from flakeproof.targets.near_misses import is_not_found, near_misses
from flakeproof_worker.shared.durations import RATIO


def event_of(message: TrialEnded, process: int) -> AnyEvent:
    """The event of a trial that was reported individually and did not fail."""
    match message.outcome:
        case Outcome.PASSED:
            return TrialPassed(trial=message.trial, items=message.items)
        case Outcome.SKIPPED:
            return TrialSkipped(trial=message.trial, reason=message.reason, items=message.items)
        case Outcome.LEAKED:
            return TrialLeaked(
                trial=message.trial,
                process=process,
                reason=message.reason,
                duration=message.ns / 1e9,
                items=message.items,
            )
    return TrialLost(trial=message.trial, reason=message.reason)


def status_text(status: int) -> str:
    """For example `exit status 3`; for a negative number, the name of the signal."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def unloadable(message: Unloadable, target: TargetSpec) -> FlakeproofError:
    """The error for a `target` that a worker process could not load."""
    if isinstance(target, PytestTarget) and message.kind == "nothing" and is_not_found(message.message):
        return _not_found(message, target)
    if message.kind == "nothing":
        return NothingToRunError(message.message, f"run from {target.folder}, with {target.python}", message.details)
    if message.kind == "missing":
        return CannotRunError(message.message, "install it there, or name another interpreter with --python")
    if message.kind == "old":
        return CannotRunError(message.message, "use a newer one: name its interpreter with --python")
    if message.kind == "hindered":
        return UsageError(f"not possible here: {message.message}", "run without the option")
    if message.kind != "unknown":
        return CannotRunError(message.message, details=message.details)
    remedy = f"searched from {target.folder}, with {target.python} (another interpreter: --python)"
    return UsageError(message.message, remedy, message.details)


def _not_found(message: Unloadable, target: PytestTarget) -> UsageError:
    """The error for a name that pytest does not find, with names that the user may have meant."""
    where = f"run from {target.folder}, with {target.python}"
    near = near_misses(message.message, target)
    return UsageError(message.message, f"did you mean {' or '.join(near)}? ({where})" if near else where)


class TrialCounts:
    """Counts the events of one run that is not recorded."""

    def __init__(self) -> None:
        self.failed: dict[int, frozenset[str]] = {}
        self.without_result: set[int] = set()
        self.elapsed = 0.0
        self.stopped: str | None = None
        self.items: list[str] = []
        """The items that pytest has collected."""
        self._passed = 0
        self._timed = 0
        self._seconds = 0.0

    @property
    def trials(self) -> int:
        """Number of trials with a result."""
        return self._passed + len(self.failed)

    @property
    def duration(self) -> float:
        """Average seconds of a trial; 0 if unknown."""
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
