"""Find which of several trials in flight ended their process.

A trial that ended the process by a call is noted on the board, and a crash in the thread of a trial shows in the stack.
Otherwise each trial runs once more, alone in a process, and the crash is charged to the trial that ends that process,
too. If none does, it is charged to one of them, and the message says that it may have been any of them.
"""

import re
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from flakeproof.engine.leases import Block, Work
from flakeproof.engine.process import WorkerProcess
from flakeproof.engine.trial_results import TrialResults
from flakeproof.events import TrialsPassed
from flakeproof.model import Failure
from flakeproof_worker.shared import board

_MOST = 16
"""How many suspects at most run again one by one; with more, that would take too long."""
_CURRENT = re.compile(r"^Fatal Python error[^\n]*\n(?:.*\n)*?Current thread 0x([0-9a-f]+)", re.MULTILINE)


def culprit(process: WorkerProcess, in_flight: Collection[int], output: str) -> int:
    """The trial among those `in_flight` that has ended `process`, if it has left a trace; 0 if unknown."""
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
    """Trials that were in flight when their process ended; at least one of them has ended it."""

    crash: Callable[[int], Failure]
    """Makes the failure of a trial that is charged with the crash."""
    trials: list[int]
    process: WorkerProcess
    """The process that ended."""
    running: int = 0
    """The trial that runs alone now; 0 for none."""
    passed: dict[int, TrialsPassed] = field(default_factory=dict)
    """Events of trials that passed alone, held back until it is known whether one of them is charged."""
    is_solved: bool = False
    """Whether one of the trials ended its process again, and was charged."""
    _waiting: deque[int] = field(default_factory=deque)
    _have_run: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Queue all trials to run again, unless there are too many."""
        if len(self.trials) <= _MOST:
            self._waiting.extend(self.trials)

    @property
    def is_over(self) -> bool:
        """Whether no trial has to run alone any more."""
        return not self._waiting and not self.running

    @property
    def without_result(self) -> list[int]:
        """The trials whose outcome is unknown."""
        return [trial for trial in self.trials if trial not in self._have_run]

    def next(self) -> int:
        """Take the next trial that must run alone."""
        self.running = self._waiting.popleft()
        return self.running

    def ran(self, *, has_run: bool) -> None:
        """Note that the trial that ran alone has ended (`has_run`), or must run again."""
        if has_run:
            self._have_run.add(self.running)
        else:
            self._waiting.appendleft(self.running)
        self.running = 0

    def charged(self) -> Failure | None:
        """Charge one of the trials, as none was shown to be guilty; return its failure, None if none can be charged."""
        candidates = [*self.passed, *self.without_result]
        if not candidates:
            return None
        self._have_run.add(candidates[0])
        failure = self.crash(candidates[0])
        others = ", ".join(str(trial) for trial in self.trials)
        text = f"{failure.message} (by one of tests {others}, which ran at once)"
        return msgspec.structs.replace(failure, message=text)


class Suspicions:
    """Runs the suspects again, each alone in a process, and charges one of each group."""

    def __init__(self, results: TrialResults, work: Work) -> None:
        """Outcomes of suspects are counted in `results`; suspects without a result go back to `work`."""
        self._results = results
        self._work = work
        self._groups: dict[int, list[Suspects]] = {}
        """By place: groups of trials of which one has ended a process there."""
        self._alone: dict[int, Suspects] = {}
        """By process number: the group of the suspect that runs alone in it."""

    @property
    def any_left(self) -> bool:
        """Whether any suspect still has to run alone."""
        return any(self._groups.values())

    def waits_at(self, place: int) -> bool:
        """Whether suspects must run at `place` before any other trial does."""
        return bool(self._groups.get(place))

    def next_for(self, process: WorkerProcess) -> int | None:
        """Take the suspect that `process` must run alone; None if the process has other trials to finish first."""
        if process.account.leases or process.number in self._alone:
            return None
        group = self._alone[process.number] = self._groups[process.place][0]
        return group.next()

    def suspect(self, group: Suspects) -> list[Block]:
        """Queue `group` to run alone; if it is too large, charge one and return the others, which run as usual."""
        if group.is_over:
            self._solve(group)
            return [(trial, 1) for trial in group.without_result]
        self._groups.setdefault(group.process.place, []).append(group)
        return []

    def holds_back(self, process: WorkerProcess, event: TrialsPassed) -> bool:
        """Whether `event` is about a suspect: then it is reported once it is known whether the suspect is charged."""
        if (group := self._alone.pop(process.number, None)) is None:
            return False
        group.passed[group.running] = event
        self.examined(group, has_run=True)
        return True

    def ended(self, process: WorkerProcess) -> None:
        """Take in that the trial that `process` ran has been reported, if it was a suspect."""
        if (group := self._alone.pop(process.number, None)) is not None:
            self.examined(group, has_run=True)

    def died(self, process: WorkerProcess) -> Suspects | None:
        """The group of the suspect that `process` ran when it ended, None if it ran none; call `examined` next."""
        return self._alone.pop(process.number, None)

    def examined(self, group: Suspects, *, has_run: bool) -> None:
        """Take in that the suspect of `group` that ran alone has ended, or must run again."""
        group.ran(has_run=has_run)
        if group.is_over:
            self._groups[group.process.place].remove(group)
            self._solve(group)

    def give_up(self) -> None:
        """The run ends before all suspects have run alone."""
        self._alone.clear()
        for place, groups in self._groups.items():
            for group in groups:
                self._solve(group)
                self._work.put_back(place, [(trial, 1) for trial in group.without_result])
        self._groups.clear()

    def _solve(self, group: Suspects) -> None:
        """Charge a suspect of `group` if none was shown to be guilty, and report the events held back."""
        if not group.is_solved and (failure := group.charged()) is not None:
            group.passed.pop(failure.trial, None)
            self._results.died(group.process, failure, suspects=group.trials)
        for event in group.passed.values():
            self._results.record(group.process, event)
