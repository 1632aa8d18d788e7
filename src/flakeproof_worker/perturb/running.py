"""Which trial the code belongs to that is running just now, as far as that can be told."""

from collections.abc import Callable
from contextvars import Context
from typing import Generic, TypeVar

from flakeproof_worker.current import RUNNING

T = TypeVar("T")


class PerTrial(Generic[T]):
    """Something for each trial in flight.

    Threads that a trial starts do not know which one they belong to: with several trials in one process they count as
    part of the one that began last.
    """

    def __init__(self, make: Callable[[int, int], T]) -> None:
        """`make` gets the number and the seed of a trial that begins."""
        self._make = make
        self._all: dict[int, T] = {}
        self._latest: T | None = None

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins."""
        self._latest = self._all[trial] = self._make(trial, seed)

    def end(self, trial: int) -> None:
        """It has ended; what it leaves behind belongs to none."""
        gone = self._all.pop(trial, None)
        if self._latest is gone:
            self._latest = next(iter(self._all.values()), None)

    def now(self, context: Context | None = None) -> T | None:
        """That of the trial that is running here, or in `context`."""
        running = RUNNING.get(None) if context is None else context.get(RUNNING)
        found = self._all.get(running[0]) if running is not None else None
        return found if found is not None else self._latest
