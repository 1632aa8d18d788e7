"""A run's question, put whenever all is known that has ended in a process."""

from typing import Protocol

from flakeproof.events import AnyEvent
from flakeproof.model import Finding


class Inquiry(Protocol):
    """Finds the answer to a run's question."""

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended."""

    def answer(self) -> Finding | None:
        """The answer, once there is one."""

    @property
    def further_processes(self) -> int:
        """More processes that it takes, after trials have told; 0 where it is not for processes to tell."""


class Settlement:
    """Holds back from `inquiry` what a process has told until all is known that has ended in it.

    Failures are told at once, and passes in batches: who counted what is known at any moment would see too many
    failures, and would take each of its looks after one.
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
        """More processes that the answer takes, after trials have told; 0 where it is not for them to tell."""
        return self._inquiry.further_processes if self._inquiry is not None else 0

    def settle(self, process: int) -> Finding | None:
        """All that has ended in `process` is known: ask for the answer."""
        if self._inquiry is None:
            return None
        for event in self._unsettled.pop(process, ()):
            self._inquiry.add(event)
        return self._inquiry.answer()
