"""Clocks by which the user's code measures time (`time`, `monotonic`, `perf_counter`) at another speed within a trial.

What libraries read stays as it is: event loops and waits with a time limit have clocks of their own, and a slow one
would have them wait too long.
"""

import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from flakeproof_worker.perturb.travellers import step_aside
from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.user_code import is_users

_CLOCKS: tuple[tuple[str, Callable[[], Any]], ...] = tuple(
    (name, getattr(time, name))
    for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
)


def _use(clocks: Iterable[tuple[str, Callable[[], Any]]]) -> None:
    for name, clock in clocks:
        setattr(time, name, clock)


class Stopwatch:
    """The stopwatches of the trials of a run."""

    def __init__(self, speed: float) -> None:
        """`speed` is the seconds that pass on them in a true one."""
        self._speed = speed
        self._trials: PerTrial[dict[str, Any]] = PerTrial(
            lambda trial, seed: {name: clock() for name, clock in _CLOCKS}
        )
        self._is_library: dict[str, bool] = {}

    def prepare(self) -> None:
        """Replace the clocks, before any code of the user is imported."""
        replaced = [(name, self._replaced(name, clock)) for name, clock in _CLOCKS]
        _use(replaced)
        step_aside(lambda: _use(_CLOCKS), lambda: _use(replaced))

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """It has ended."""
        self._trials.end(trial)

    def _replaced(self, name: str, clock: Callable[[], Any]) -> Callable[[], Any]:
        def now() -> Any:
            true = clock()
            begun = self._trials.now()
            if begun is None or self._asked_by_library(sys._getframe(1).f_code.co_filename):
                return true
            return begun[name] + type(true)((true - begun[name]) * self._speed)

        now.__name__ = now.__qualname__ = name
        return now

    def _asked_by_library(self, file: str) -> bool:
        found = self._is_library.get(file)
        if found is None:
            found = self._is_library[file] = not is_users(file)
        return found
