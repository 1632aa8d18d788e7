"""The descriptor tables of all processes of a record: which number was open when, who opened it, who closed it.

Threads of a process share one table (CLONE_FILES), a forked child begins with a copy of its parent's, execve closes
what is marked so. A close takes effect somewhere between its start and its end: the number can be given to another
thread before the close is seen to return. So what opens a number that a call in flight is closing proves that it is
closed.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flakeproof.features.fdtrace.calls import MAKING_PROCESSES, USING, SystemCall
from flakeproof.features.fdtrace.record import Begun, Event, ProcessEnded, Superseded

_REMEMBERED = 8
"""Lives of one number that are remembered after they have ended."""
_LARGEST = 2**31
_NUMBERS = re.compile(r"(\d+), (\d+), ?(.*)$")


@dataclass(slots=True, eq=False)
class Life:
    """A number from the call that opened it to the one that closed it."""

    number: int
    opener: SystemCall | None
    """None if it was there when the program started."""
    what: str
    """In strace's words; the most telling that were seen."""
    closes_on_exec: bool = False
    closer: SystemCall | None = None
    is_copy: bool = False
    """Whether it came from the parent process."""
    wrappers: list[SystemCall] = field(default_factory=list)
    """Calls by which a file object was made around the number."""
    users: set[str] = field(default_factory=set)
    """The user's functions that have worked with it."""


@dataclass(slots=True, eq=False)
class DescriptorTable:
    """The descriptors of a process, shared by its threads."""

    process: int
    program: str = ""
    open: dict[int, Life] = field(default_factory=dict)
    ended: dict[int, deque[Life]] = field(default_factory=dict)
    closing: dict[int, list[SystemCall]] = field(default_factory=dict)
    """Calls of close in flight, by number."""
    homeless: dict[int, SystemCall] = field(default_factory=dict)
    """Closes that have succeeded on a number whose opening had not been seen to return by then."""

    def copy(self, process: int) -> "DescriptorTable":
        """That of a child."""
        copied = {
            number: Life(number, life.opener, life.what, life.closes_on_exec, is_copy=True)
            for number, life in self.open.items()
        }
        return DescriptorTable(process, self.program, copied)

    def history(self, number: int) -> list[Life]:
        """Former lives of a number, the last one first."""
        return list(reversed(self.ended.get(number, ())))


@dataclass(frozen=True, slots=True)
class Closed:
    """A close that has succeeded, and what it has ended."""

    table: DescriptorTable
    call: SystemCall
    life: Life
    former: list[Life]
    """Lives of the number before that."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A call to which the kernel has said that the number is not open, although it had been."""

    table: DescriptorTable
    call: SystemCall
    former: list[Life]
    """Lives of the number, the last one first."""


Change = Closed | Refused


class Tables:
    """Follows the events of a record."""

    def __init__(self) -> None:
        self._tables: dict[int, DescriptorTable] = {}
        self._births: dict[int, SystemCall] = {}
        """Calls in flight that make a process or a thread, by caller; a child may be heard of first."""
        self._born: dict[int, int] = {}
        """Children heard of before their birth had returned, with the caller it was taken for."""
        self.processes = 0
        self.calls = 0
        self.first: int | None = None
        """The process that was started first."""
        self.ending: ProcessEnded | None = None
        """How that one has ended."""
        self.failed_start = ""
        """Why it could not be started: the error of its last execve; "" once one has succeeded."""

    def apply(self, event: Event) -> Iterator[Change]:
        """Take in the next event; what it shows about closes and uses."""
        match event:
            case Begun(call):
                self._begin(call)
            case ProcessEnded():
                self._tables.pop(event.task, None)
                self._births.pop(event.task, None)
                if event.task == self.first:
                    self.ending = event
            case Superseded():
                table = self._tables.pop(event.by, None)
                if table is not None:
                    self._tables[event.task] = table
            case SystemCall():
                self.calls += 1
                yield from self._complete(self._of(event.task), event)

    def _of(self, task: int) -> DescriptorTable:
        table = self._tables.get(task)
        if table is not None:
            return table
        # A child's first call is often seen before its birth has returned to the parent.
        parent = next((caller for caller in self._births if caller not in self._born.values()), None)
        if parent is None or parent not in self._tables:
            table = DescriptorTable(task)
            self.processes += 1
            if self.first is None:
                self.first = task
        else:
            self._born[task] = parent
            table = self._child(self._tables[parent], self._births[parent], task)
        self._tables[task] = table
        return table

    def _child(self, parent: DescriptorTable, birth: SystemCall, task: int) -> DescriptorTable:
        if "CLONE_FILES" in birth.arguments:
            return parent
        self.processes += 1
        return parent.copy(task)

    def _begin(self, call: SystemCall) -> None:
        table = self._of(call.task)
        if call.name in MAKING_PROCESSES:
            self._births[call.task] = call
        elif call.name == "close" and (number := call.number) is not None:
            table.closing.setdefault(number, []).append(call)

    def _complete(self, table: DescriptorTable, call: SystemCall) -> Iterator[Change]:
        if call.name in MAKING_PROCESSES:
            self._give_birth(table, call)
        elif call.name == "close":
            yield from _close(table, call)
        elif call.name in ("execve", "execveat"):
            self._execute(table, call)
        elif call.name == "close_range":
            self._close_range(table, call)
        elif call.name == "unshare" and call.succeeded and "CLONE_FILES" in call.arguments:
            self._tables[call.task] = table.copy(table.process)
        else:
            yield from _use(table, call)
        for number, what in call.opened():
            yield from _open(table, call, number, what)

    def _give_birth(self, table: DescriptorTable, call: SystemCall) -> None:
        self._births.pop(call.task, None)
        early = [task for task, caller in self._born.items() if caller == call.task]
        for task in early:
            del self._born[task]
        child = call.result
        if not call.succeeded or not child:
            return
        if child not in self._tables or (child not in early and "CLONE_FILES" in call.arguments):
            self._tables[child] = self._child(table, call, child)

    def _execute(self, table: DescriptorTable, call: SystemCall) -> None:
        if not call.succeeded:
            if call.task == self.first and not table.program:
                self.failed_start = call.error
            return
        self.failed_start = ""
        process = call.task
        found = re.match(r'(?:\d+\S*, |AT_FDCWD\S*, )?"([^"]*)"', call.arguments)
        kept = {number: life for number, life in table.open.items() if not life.closes_on_exec}
        for life in kept.values():
            life.is_copy = True
        self._tables[call.task] = DescriptorTable(process, found[1] if found else "", kept)

    def _close_range(self, table: DescriptorTable, call: SystemCall) -> None:
        found = _NUMBERS.match(call.arguments)
        if not call.succeeded or found is None:
            return
        if "UNSHARE" in found[3]:
            table = table.copy(table.process)
            self._tables[call.task] = table
        first, last = int(found[1]), int(found[2])
        for number in [number for number in table.open if first <= number <= min(last, _LARGEST)]:
            if "CLOEXEC" in found[3]:
                table.open[number].closes_on_exec = True
            else:
                _end(table, table.open[number], call)


def _end(table: DescriptorTable, life: Life, closer: SystemCall | None) -> None:
    life.closer = closer
    table.open.pop(life.number, None)
    table.ended.setdefault(life.number, deque(maxlen=_REMEMBERED)).append(life)


def _open(table: DescriptorTable, call: SystemCall, number: int, what: str) -> Iterator[Change]:
    before = table.open.get(number)
    if call.name in ("dup2", "dup3") and call.number == number:
        return
    if before is not None:
        flying = next((close for close in table.closing.get(number, ()) if close.started < call.ended), None)
        # Else something has closed it that is not in the record, or dup2 has.
        _end(table, before, flying or (call if call.name in ("dup2", "dup3") else None))
    life = Life(number, call, what, call.closes_on_exec)
    table.open[number] = life
    homeless = table.homeless.pop(number, None)
    if homeless is not None and call.started < homeless.ended:
        former = table.history(number)
        _end(table, life, homeless)
        yield Closed(table, homeless, life, former)


def _close(table: DescriptorTable, call: SystemCall) -> Iterator[Change]:
    number = call.number
    if number is None:
        return
    if call in (flying := table.closing.get(number, [])):
        flying.remove(call)
        if not flying:
            del table.closing[number]
    former = table.history(number)
    taken = next((life for life in former if life.closer is call), None)
    life = table.open.get(number)
    if call.error == "EBADF":
        if taken is not None:  # it was another one that had closed it
            taken.closer = flying[0] if flying else None
        if life is not None and flying:  # that one has closed it, although it has not returned yet
            yield Refused(table, call, [life, *former])
        elif life is not None and not _is_being_opened(life, call):
            _end(table, life, None)  # something has closed it that is not in the record
        elif former:
            yield Refused(table, call, former)
        return
    if taken is not None:
        yield Closed(table, call, taken, [other for other in former if other is not taken])
    elif life is not None:
        life.what = _more_telling(life.what, call.subject)
        _end(table, life, call)
        yield Closed(table, call, life, former)
    elif former:
        unknown = next((other for other in former if other.closer is None), None)
        if unknown is not None:
            unknown.closer = call
        else:
            table.homeless[number] = call
    else:
        _end(table, Life(number, None, call.subject), call)


def _is_being_opened(life: Life, call: SystemCall) -> bool:
    """Whether the number was opened only after `call` had begun."""
    return life.opener is not None and life.opener.ended > call.started


def _use(table: DescriptorTable, call: SystemCall) -> Iterator[Change]:
    number = call.number
    if number is None:
        return
    life = table.open.get(number)
    if call.error == "EBADF":
        # EBADF is also the answer to writing what was opened for reading: then it was open, and has a name.
        if call.name in USING and not call.subject and (former := table.history(number)) and life is None:
            yield Refused(table, call, former)
        return
    if life is None:
        if call.succeeded and not table.ended.get(number):
            table.open[number] = Life(number, None, call.subject)
        return
    life.what = _more_telling(life.what, call.subject)
    if call.name == "fcntl":
        flags = call.flags()
        if "F_SETFD" in flags:
            life.closes_on_exec = "FD_CLOEXEC" in flags
        if "F_GETFL" in flags and call.stack.has("os.newFile", "os.NewFile"):
            life.wrappers.append(call)
    life.users |= call.stack.owners


def _more_telling(known: str, seen: str) -> str:
    """A socket gets its addresses as time goes by."""
    return seen if len(seen) > len(known) or not known else known
