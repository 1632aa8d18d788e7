"""Who is to blame for the end of a process in which several trials were in flight.

Known is the trial that ended it by a call (the board shows it), and the one in whose thread it crashed (the stack shows
it). Otherwise each runs once more, alone in a process: who ends that one, too, is charged. Where none does, the end is
charged to one of them, and it is told that it may have been any.
"""

import re
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from flakeproof.engine.process import WorkerProcess
from flakeproof.events import TrialsPassed
from flakeproof.model import Failure
from flakeproof_worker.shared import board

_MOST = 16
"""Suspects that run again one by one; with more of them that would take too long."""
_CURRENT = re.compile(r"^Fatal Python error[^\n]*\n(?:.*\n)*?Current thread 0x([0-9a-f]+)", re.MULTILINE)


def culprit(process: WorkerProcess, in_flight: Collection[int], output: str) -> int:
    """The trial of those `in_flight` that has ended `process`, if it has left a trace; 0 if that is not known."""
    if len(in_flight) == 1:
        return next(iter(in_flight))
    shown = int(process.words[board.CULPRIT])
    if shown in in_flight:
        return shown
    found = _CURRENT.findall(output)
    if not found:
        return 0
    thread = int(found[-1], 16)
    there = [trial for trial, its in board.threads(process.words, process.lanes).items() if its == thread]
    if process.lane_kind == "tasks":  # all in one thread
        there = [trial for trial in there if trial == process.holder]
    return there[0] if len(there) == 1 and there[0] in in_flight else 0


@dataclass
class Suspects:
    """Trials that were in flight when a process ended, of which at least one has ended it."""

    crash: Callable[[int], Failure]
    """What is to be told of a trial that is charged with it."""
    trials: list[int]
    process: WorkerProcess
    """The one that has ended."""
    running: int = 0
    """The one that runs alone now; 0 for none."""
    passed: dict[int, TrialsPassed] = field(default_factory=dict)
    """What is held back of those that have passed alone, until it is known whether one of them has to be charged."""
    is_solved: bool = False
    """Whether one has ended its process again."""
    _waiting: deque[int] = field(default_factory=deque)
    _have_run: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """All have to run again, unless there are too many."""
        if len(self.trials) <= _MOST:
            self._waiting.extend(self.trials)

    @property
    def is_over(self) -> bool:
        """Whether none has to run alone any more."""
        return not self._waiting and not self.running

    @property
    def without_result(self) -> list[int]:
        """Those that nothing is known of."""
        return [trial for trial in self.trials if trial not in self._have_run]

    def next(self) -> int:
        """Take the next one that is to run alone."""
        self.running = self._waiting.popleft()
        return self.running

    def ran(self, *, has_run: bool) -> None:
        """The one that ran alone has come to an end, or has to be tried again."""
        if has_run:
            self._have_run.add(self.running)
        else:
            self._waiting.appendleft(self.running)
        self.running = 0

    def charged(self) -> Failure | None:
        """The failure of one of them, where none could be shown to be guilty; None if all have another outcome."""
        candidates = [*self.passed, *self.without_result]
        if not candidates:
            return None
        self._have_run.add(candidates[0])
        failure = self.crash(candidates[0])
        others = ", ".join(str(trial) for trial in self.trials)
        text = f"{failure.message} (by one of tests {others}, which ran at once)"
        return msgspec.structs.replace(failure, message=text)
