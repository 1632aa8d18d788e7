"""What ends a run early: a request, the answer to its question, or its last allowed failure; and what came before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from flakeproof.errors import Stop
from flakeproof.events import AnyEvent
from flakeproof.model import Finding, RunSpec


@dataclass(frozen=True)
class Before:
    """What a resumed run had done before."""

    trials: int = 0
    failed: int = 0
    elapsed: float = 0.0
    """Seconds."""
    next_process: int = 0
    """Number of the next process."""


class Ending:
    """Why a run ends before all its trials have run; only the first reason counts."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self.is_urgent = False
        """Whether trials in flight are not waited for."""
        self.since_ns = 0
        """When processes were told to stop (monotonic nanoseconds); 0 before."""
        self.dropped = 0
        """How many trials were put back after the run had begun to end, and so have no result."""

    def request(self, reason: Stop) -> None:
        """End the run for `reason`, unless it is ending already."""
        if self.reason is None:
            self.reason = reason


def is_over_with_patience(spec: RunSpec, seconds: float) -> bool:
    """Whether a run with `patience` has had all of its time, so many `seconds` after its beginning.

    That is its duration and the patience with trials in flight. A duration begins with the first process that is ready:
    on a slow machine that comes late, and a search that has a budget cannot give more for it.
    """
    return spec.duration is not None and spec.patience is not None and seconds >= spec.duration + spec.patience


class Inquiry(Protocol):
    """Answers a run's question."""

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended."""

    def answer(self) -> Finding | None:
        """The answer; None while it is unknown."""

    @property
    def further_processes(self) -> int:
        """How many more processes the answer needs once there are enough trials; 0 if none."""


class Settlement:
    """Holds back the events of a process from `inquiry` until every trial that has ended in it is known.

    Failures are reported at once, but passes in batches: an inquiry that counted every event at once would see too many
    failures, and would decide right after each of them.
    """

    def __init__(self, inquiry: Inquiry | None) -> None:
        """`inquiry` is None for a run without a question."""
        self._inquiry = inquiry
        self._unsettled: dict[int, list[AnyEvent]] = {}

    def add(self, process: int, event: AnyEvent) -> None:
        """Note how trials of `process` ended."""
        if self._inquiry is not None:
            self._unsettled.setdefault(process, []).append(event)

    @property
    def further_processes(self) -> int:
        """How many more processes the answer needs once there are enough trials; 0 if none."""
        return self._inquiry.further_processes if self._inquiry is not None else 0

    def settle(self, process: int) -> Finding | None:
        """Every trial that has ended in `process` is known: pass its events on, and return the answer, if any."""
        if self._inquiry is None:
            return None
        for event in self._unsettled.pop(process, ()):
            self._inquiry.add(event)
        return self._inquiry.answer()


class Surplus:
    """Counts the trials that do not count, because they were in flight at the last allowed failure of the run.

    Failures arrive at once, and passes in batches, each of which is sent before the next failure of its process. So
    trials that a process had finished by then still count if they passed before its next failure.
    """

    def __init__(self) -> None:
        self._room: dict[int, int] | None = None
        """For each process, how many passes that arrive later still count; None while the run goes on."""
        self._passed = self._failed = 0

    def begin(self, unreported: Mapping[int, int]) -> None:
        """The run ends; for each process, `unreported` trials have ended whose outcome has not arrived."""
        self._room = dict(unreported)

    def passed(self, process: int, count: int) -> int:
        """How many of `count` passes that arrive from `process` are counted."""
        if self._room is None:
            return count
        counted = min(count, self._room.get(process, 0))
        self._room[process] = self._room.get(process, 0) - counted
        self._passed += count - counted
        return counted

    def failed(self, process: int) -> bool:
        """Whether a failure that arrives from `process` is not counted."""
        if self._room is None:
            return False
        self._room[process] = 0
        self._failed += 1
        return True

    def note(self) -> str:
        """A note for the user; "" if every trial counts."""
        trials = self._passed + self._failed
        if not trials:
            return ""
        were = "test was" if trials == 1 else "tests were"
        return f"{trials} {were} still in flight when the run stopped: not counted ({self._failed} failed)"
