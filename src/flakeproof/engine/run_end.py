"""What ends a run early: a request, the answer to its question, or its last allowed failure."""

from collections.abc import Mapping
from typing import Protocol

from flakeproof.errors import Stop
from flakeproof.events import AnyEvent
from flakeproof.model import Finding


class Ending:
    """Why a run ends before all its trials have run; the first reason counts."""

    def __init__(self) -> None:
        self.reason: Stop | None = None
        self.is_urgent = False
        """Whether trials in flight are not waited for."""
        self.since_ns = 0
        """When processes were told to stop (monotonic); 0 as long as they have not been."""
        self.dropped = 0
        """Trials that were put back after the run had begun to end, so that they have no result."""

    def request(self, reason: Stop) -> None:
        """End the run for `reason`, unless it ends already."""
        if self.reason is None:
            self.reason = reason


class Inquiry(Protocol):
    """Finds the answer to a run's question."""

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended."""

    def answer(self) -> Finding | None:
        """The answer, once there is one."""

    @property
    def further_processes(self) -> int:
        """How many more processes the answer takes once there are enough trials; 0 if it takes none."""


class Settlement:
    """Holds back from `inquiry` what a process has told until all is known that has ended in it.

    Failures are reported at once and passes in batches: whoever counted what is known at any moment would see too many
    failures, and would look right after each of them.
    """

    def __init__(self, inquiry: Inquiry | None) -> None:
        """`inquiry` is None for a run without a question."""
        self._inquiry = inquiry
        self._unsettled: dict[int, list[AnyEvent]] = {}

    def told(self, process: int, event: AnyEvent) -> None:
        """Note how trials of `process` ended."""
        if self._inquiry is not None:
            self._unsettled.setdefault(process, []).append(event)

    @property
    def further_processes(self) -> int:
        """How many more processes the answer takes once there are enough trials; 0 if it takes none."""
        return self._inquiry.further_processes if self._inquiry is not None else 0

    def settle(self, process: int) -> Finding | None:
        """All that has ended in `process` is known: ask for the answer."""
        if self._inquiry is None:
            return None
        for event in self._unsettled.pop(process, ()):
            self._inquiry.add(event)
        return self._inquiry.answer()


class Surplus:
    """What is not counted of a run that ends with its last allowed failure: trials that were in flight then.

    Failures arrive at once and passes in batches, each of which is sent before the next failure of its process. So what
    a process had finished by then still counts as far as it passed before the next failure there.
    """

    def __init__(self) -> None:
        self._room: dict[int, int] | None = None
        """For each process, how many passes may still arrive that count; None while the run goes on."""
        self._passed = self._failed = 0

    def begin(self, unreported: Mapping[int, int]) -> None:
        """The run is over; `unreported` trials of each process had ended by then, and their outcome has not arrived."""
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

    def told(self) -> str:
        """A sentence for the user; "" if nothing was left out."""
        trials = self._passed + self._failed
        if not trials:
            return ""
        were = "test was" if trials == 1 else "tests were"
        return f"{trials} {were} still in flight when the run stopped: not counted ({self._failed} failed)"
