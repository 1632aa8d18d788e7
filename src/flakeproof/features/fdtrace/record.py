"""Strace's record as calls, line by line, with the calls that other threads' calls have cut in two put together."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flakeproof.features.fdtrace.calls import SystemCall
from flakeproof.features.fdtrace.frames import Frame, Stack, parse_frame

_LINE = re.compile(r"^(\d+) +(.*)$", re.DOTALL)
_CALL = re.compile(r"^(\w+)\((.*)$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$", re.DOTALL)
_RESULT = re.compile(
    r"^(.*)\)\s+= (-?\d+|0x[0-9a-f]+|\?)(?:<(.*)>(?:\(deleted\))?)?(?: ([A-Z][A-Z0-9_]+))?(?: \(.*\))?$", re.DOTALL
)
_UNFINISHED = " <unfinished ...>"
_EXITED = re.compile(r"^\+\+\+ (?:exited with (\d+)|killed by (\w+).*) \+\+\+$")
_SUPERSEDED = re.compile(r"^\+\+\+ superseded by execve in pid (\d+) \+\+\+$")
_MOST_STACKS = 200_000


@dataclass(frozen=True, slots=True)
class Begun:
    """A call was entered and has not returned yet; it comes again as itself when it has."""

    call: SystemCall


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A thread, or a process, has ended."""

    task: int
    status: int | None
    signal: str


@dataclass(frozen=True, slots=True)
class Superseded:
    """A thread goes on under the number of its process, because it has replaced the program."""

    task: int
    by: int


Event = SystemCall | Begun | ProcessEnded | Superseded


def read(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a record in order; what is not understood, or cut off at the end, is left out."""
    return _Reader().events(lines)


class _Reader:
    def __init__(self) -> None:
        self._flying: dict[int, SystemCall] = {}
        self._stacks: dict[tuple[str, ...], Stack] = {}
        self._complete: SystemCall | None = None
        """The call whose stack is being read."""
        self._frames: list[str] = []

    def events(self, lines: Iterable[str]) -> Iterator[Event]:
        for place, text in enumerate(lines, 1):
            line = text.rstrip("\n")
            if line.startswith(" > "):
                self._frames.append(line)
                continue
            if self._complete is not None:
                yield self._with_stack()
            event = self._event(place, line)
            if isinstance(event, SystemCall):
                self._complete = event
            elif event is not None:
                yield event
        if self._complete is not None:
            yield self._with_stack()

    def _with_stack(self) -> SystemCall:
        call, self._complete = self._complete, None
        assert call is not None
        call.stack = self._stack(tuple(self._frames))
        self._frames.clear()
        return call

    def _stack(self, lines: tuple[str, ...]) -> Stack:
        found = self._stacks.get(lines)
        if found is None:
            if len(self._stacks) >= _MOST_STACKS:
                self._stacks.clear()
            frames: tuple[Frame, ...] = tuple(parse_frame(line) for line in lines)
            found = self._stacks[lines] = Stack(frames)
        return found

    def _event(self, place: int, line: str) -> Event | None:
        self._frames.clear()
        found = _LINE.match(line)
        if found is None:
            return None
        task, rest = int(found[1]), found[2]
        if rest.startswith("+++"):
            return self._ending(task, rest)
        if rest.startswith("<..."):
            return self._resumed(place, task, rest)
        called = _CALL.match(rest)
        if called is None:
            return None
        name, text = called[1], called[2]
        if text.endswith(_UNFINISHED):
            call = SystemCall(task, name, text.removesuffix(_UNFINISHED), place)
            self._flying[task] = call
            return Begun(call)
        return _finished(SystemCall(task, name, "", place), text, place)

    def _resumed(self, place: int, task: int, rest: str) -> SystemCall | None:
        found = _RESUMED.match(rest)
        call = self._flying.pop(task, None)
        if found is None or call is None or call.name != found[1]:
            return None
        return _finished(call, call.arguments + found[2], place)

    def _ending(self, task: int, rest: str) -> Event | None:
        if (found := _SUPERSEDED.match(rest)) is not None:
            by = int(found[1])
            self._flying.pop(task, None)
            if (call := self._flying.pop(by, None)) is not None:
                call.task = task
                self._flying[task] = call
            return Superseded(task, by)
        self._flying.pop(task, None)
        ended = _EXITED.match(rest)
        if ended is None:
            return None
        return ProcessEnded(task, int(ended[1]) if ended[1] else None, ended[2] or "")


def _finished(call: SystemCall, text: str, place: int) -> SystemCall | None:
    """`call` with its arguments and result from `text`; None if it has not returned (`= ?`) or is not understood."""
    found = _RESULT.match(text)
    if found is None or found[2] == "?":
        return None
    call.arguments, call.ended = found[1], place
    call.result = int(found[2], 0)
    call.result_name = found[3] or ""
    call.error = found[4] or "" if call.result < 0 else ""
    return call
