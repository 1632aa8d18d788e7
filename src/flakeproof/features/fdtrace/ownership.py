"""What was done to descriptors by those who did not own them any more: events of a record in, mishandled ones out."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from flakeproof.features.fdtrace.calls import SystemCall
from flakeproof.features.fdtrace.claims import (
    claimed,
    former_own,
    is_past_maker,
    is_past_wrapper,
    is_related,
    is_stranger,
)
from flakeproof.features.fdtrace.frames import Stack
from flakeproof.features.fdtrace.record import Event
from flakeproof.features.fdtrace.tables import Change, Closed, DescriptorTable, Life, Refused, Tables

_SWEEP = 4
"""Closes of consecutive numbers in one place that are a sweep, if one of the numbers never was open."""
_MOST_MISTAKES = 20_000
_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"})
"""Programs of one thread that close numbers without looking (bash does, for each pipeline in a substitution)."""


class Deed(StrEnum):
    """What somebody did with a number that was not theirs any more; the worst first."""

    STRANGER = "close of a stranger's descriptor"
    USE = "use after close"
    DOUBLE = "double close"
    PAST_OWNER = "close past the owner"


class Certainty(StrEnum):
    """How sure it is."""

    CERTAIN = "certain"
    LIKELY = "likely"


@dataclass(slots=True)
class Sweep:
    """Closes of consecutive numbers by one thread in one place."""

    stack: Stack
    last: int
    step: int = 0
    length: int = 1
    unknown: int = 0
    """How many of them had never been open."""

    @property
    def is_sweep(self) -> bool:
        """Whether it closes whatever there may be, as before a program is replaced."""
        return self.length >= _SWEEP and self.unknown > 0

    def goes_on(self, stack: Stack, number: int) -> bool:
        """Whether the next close belongs to it; it counts then."""
        step = number - self.last
        if stack is not self.stack or step not in ((1, -1) if self.step == 0 else (self.step,)):
            return False
        self.step, self.last = step, number
        self.length += 1
        return True


@dataclass(slots=True, eq=False)
class Mistake:
    """A close or a use by somebody who did not own the number any more."""

    deed: Deed
    certainty: Certainty
    call: SystemCall
    why: str
    victim: Life | None = None
    """The life that was ended by it."""
    noticed: list[SystemCall] = field(default_factory=list)
    """Calls of the victim's owner that have failed since."""
    sweep: Sweep | None = None


@dataclass(slots=True, eq=False)
class Mishandled:
    """A descriptor, from its opening by way of its first close to what was done with its number then."""

    table: DescriptorTable
    program: str
    life: Life
    mistakes: list[Mistake] = field(default_factory=list)


class Analysis:
    """Takes in the events of a record one by one; what it keeps grows with the mistakes only."""

    def __init__(self, *, sees_uses: bool = True) -> None:
        """`sees_uses` tells whether reads and writes are recorded: else who closes may have had a part in it."""
        self._sees_uses = sees_uses
        self.tables = Tables()
        self.truncated = False
        """Whether there were more mistakes than are kept."""
        self.hides_python = False
        """Whether Python's own functions were all that could be seen of some call."""
        self.shells = 0
        """Double closes and the like by shells, which are left out."""
        self._found: dict[Life, Mishandled] = {}
        self._by_call: dict[SystemCall, Mistake] = {}
        self._refused: list[tuple[Refused, Mistake]] = []
        self._sweeps: dict[int, Sweep] = {}

    def add(self, events: Iterable[Event]) -> None:
        """Take in further events."""
        for event in events:
            changes = list(self.tables.apply(event))
            sweep = self._sweep(event, changes) if isinstance(event, SystemCall) else None
            for change in changes:
                self._judge(change, sweep)

    def mishandled(self) -> list[Mishandled]:
        """The descriptors that something was wrong with, in the order of the first mistake."""
        for refused, mistake in self._refused:
            if mistake.sweep is None or not mistake.sweep.is_sweep:
                self._blame_closer(refused, mistake)
        self._refused.clear()
        for found in self._found.values():
            found.mistakes = [made for made in found.mistakes if made.sweep is None or not made.sweep.is_sweep]
            found.mistakes.sort(key=lambda made: made.call.started)
        return [found for found in self._found.values() if found.mistakes]

    def _sweep(self, call: SystemCall, changes: list[Change]) -> Sweep | None:
        if call.name != "close" or (number := call.number) is None:
            self._sweeps.pop(call.task, None)
            return None
        sweep = self._sweeps.get(call.task)
        if sweep is None or not sweep.goes_on(call.stack, number):
            sweep = self._sweeps[call.task] = Sweep(call.stack, number)
        sweep.unknown += call.error == "EBADF" and not changes
        return sweep

    def _judge(self, change: Change, sweep: Sweep | None) -> None:
        if isinstance(change, Refused):
            self._judge_refused(change, sweep)
        else:
            self._judge_closed(change, sweep)

    def _judge_refused(self, change: Refused, sweep: Sweep | None) -> None:
        call = change.call
        if change.table.program.rpartition("/")[2] in _SHELLS:
            self.shells += 1
            return
        self.hides_python |= bool(call.stack.interpreter)
        life = claimed(call.stack, change.former)
        deed = Deed.DOUBLE if call.name == "close" else Deed.USE
        mistake = self._note(change.table, life, Mistake(deed, Certainty.CERTAIN, call, "", sweep=sweep))
        if mistake is not None:
            self._refused.append((change, mistake))

    def _judge_closed(self, change: Closed, sweep: Sweep | None) -> None:
        life, call = change.life, change.call
        if life.is_copy:
            return
        maker = is_past_maker(life, call)
        if maker is not None:
            own = former_own(call, change.former) if not is_related(call.stack, life) or not call.stack.owners else None
            why = f"{maker.name} had opened it for an object of its own, and did not close it"
            self._accuse(change, own, Certainty.CERTAIN, why, sweep)
        elif self._sees_uses and is_stranger(call, life, change.former):
            own = former_own(call, change.former)
            why = "whoever closed it had a descriptor of that number before, and no part in this one"
            self._accuse(change, own, Certainty.LIKELY, why, sweep)
        elif is_past_wrapper(life, call):
            why = "the os.File made around it closes the number once more, at the latest when memory is collected"
            self._note(change.table, life, Mistake(Deed.PAST_OWNER, Certainty.CERTAIN, call, why, sweep=sweep))

    def _accuse(
        self, change: Closed, own: Life | None, certainty: Certainty, why: str, sweep: Sweep | None
    ) -> Mistake | None:
        if own is None:
            return self._note(
                change.table, change.life, Mistake(Deed.PAST_OWNER, certainty, change.call, why, sweep=sweep)
            )
        return self._note(
            change.table, own, Mistake(Deed.STRANGER, certainty, change.call, why, victim=change.life, sweep=sweep)
        )

    def _blame_closer(self, refused: Refused, mistake: Mistake) -> None:
        """Where the last close of what was refused was a stranger's, tell that one, and who noticed."""
        life = claimed(refused.call.stack, refused.former)
        closer = life.closer
        if closer is None:
            return
        made = self._by_call.get(closer)
        if made is None and not is_related(closer.stack, life) and not life.is_copy:
            place = refused.former.index(life)
            own = former_own(closer, refused.former[place + 1 :], noticed=True)
            if own is not None:
                why = "its owner went on with it, and whoever closed it had a descriptor of that number before"
                made = self._note(
                    refused.table, own, Mistake(Deed.STRANGER, Certainty.LIKELY, closer, why, victim=life)
                )
        if made is None or made.victim is not life:
            return
        made.certainty = Certainty.CERTAIN
        made.noticed.append(refused.call)
        found = self._found[life]
        found.mistakes.remove(mistake)

    def _note(self, table: DescriptorTable, life: Life, mistake: Mistake) -> Mistake | None:
        if len(self._by_call) >= _MOST_MISTAKES:
            self.truncated = True
            return None
        found = self._found.get(life)
        if found is None:
            found = self._found[life] = Mishandled(table, table.program, life)
        found.mistakes.append(mistake)
        self._by_call[mistake.call] = mistake
        return mistake
