"""Hear when chosen lines of Python code are reached, what code does at its lines, and which trial runs it."""

import dis
import sys
import threading
from collections.abc import Callable, Container, Mapping
from contextvars import Context
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any, Generic, Protocol, TypeVar

from flakeproof_worker.current import RUNNING


@dataclass
class Watched:
    """What is to be heard of one code object."""

    lines: Container[int]
    """Lines before which `reached` is called."""
    reached: Callable[[int], None]
    """Is told the line."""
    writes: Mapping[int, int] = field(default_factory=dict)
    """Offsets of instructions before which it is called, too, and their lines."""


Wants = Callable[[CodeType], Watched | None]
"""What is to be heard of a code object; asked once for each."""


class LineWatch(Protocol):
    """Calls what is wanted from where it is reached."""

    def start(self) -> None:
        """Watch this thread, and all that start from now on; without effect where that is so already."""


def watch(wants: Wants) -> LineWatch:
    """The way of this interpreter."""
    return Monitoring(wants) if sys.version_info >= (3, 12) else Tracing(wants)


class Tracing:
    """By a trace function, which is called for each function that is called, and in chosen ones for each line."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        # By address: the hash of a code object is computed anew each time. The object is kept, so that the address is.
        self._known: dict[int, tuple[CodeType, Callable[..., Any] | None, bool]] = {}

    def start(self) -> None:
        threading.settrace(self._called)
        if sys.gettrace() is None:
            sys.settrace(self._called)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        known = self._known.get(id(code))
        if known is None:
            known = self._known[id(code)] = self._look_at(code)
        _, local, has_writes = known
        if has_writes:
            frame.f_trace_opcodes = True
        return local

    def _look_at(self, code: CodeType) -> tuple[CodeType, Callable[..., Any] | None, bool]:
        watched = self._wants(code)
        if watched is None:
            return code, None, False
        lines, writes, reached = watched.lines, watched.writes, watched.reached

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                if frame.f_lineno in lines:
                    reached(frame.f_lineno)
            elif event == "opcode" and frame.f_lasti in writes:
                reached(writes[frame.f_lasti])
            return local

        return code, local, bool(writes)


class Monitoring:
    """By events that are switched on for chosen code objects only."""

    _TOOLS = (3, 4)
    """Numbers that the standard library reserves for nobody (`sys.monitoring`)."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        self._watched: dict[int, tuple[CodeType, Watched]] = {}
        self._started = False
        self._tool = 0

    def start(self) -> None:
        if self._started:
            return
        self._started = True
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]  # from 3.12 on
        self._monitoring = monitoring
        self._disable = monitoring.DISABLE
        free = [tool for tool in self._TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            raise RuntimeError("both free tool numbers of sys.monitoring are taken: nothing can be delayed")
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "flakeproof")
        events = monitoring.events
        monitoring.register_callback(self._tool, events.PY_START, self._entered)
        monitoring.register_callback(self._tool, events.LINE, self._line)
        monitoring.register_callback(self._tool, events.INSTRUCTION, self._instruction)
        monitoring.set_events(self._tool, events.PY_START)

    def _entered(self, code: CodeType, offset: int) -> Any:
        if id(code) not in self._watched:
            watched = self._wants(code)
            if watched is not None:
                self._watched[id(code)] = code, watched
                events = self._monitoring.events
                wanted = events.LINE | (events.INSTRUCTION if watched.writes else 0)
                self._monitoring.set_local_events(self._tool, code, wanted)
        return self._disable

    def _line(self, code: CodeType, line: int) -> Any:
        _, watched = self._watched[id(code)]
        if line not in watched.lines:
            return self._disable
        return watched.reached(line)

    def _instruction(self, code: CodeType, offset: int) -> Any:
        _, watched = self._watched[id(code)]
        if offset not in watched.writes:
            return self._disable
        return watched.reached(watched.writes[offset])


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


_COROUTINE_FLAGS = 0x80 | 0x100 | 0x200  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_AWAITS = {"SEND", "YIELD_VALUE", "GET_AWAITABLE", "GET_ANEXT"}
_WRITES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF"}
_READS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_DEREF", "BINARY_SUBSCR", "CALL", "PRECALL")


@dataclass
class Steps:
    """The places in a code object at which others may get in between."""

    is_coroutine: bool
    awaits: set[int] = field(default_factory=set)
    """Lines of a coroutine on which it may be suspended."""
    writes: dict[int, int] = field(default_factory=dict)
    """Of plain code: offset of each instruction that writes to an attribute, an item, or a variable of an outer scope,
    on a line that has read or called something before; and the line."""


def steps_of(code: CodeType) -> Steps:
    """Look through the instructions of `code`."""
    found = Steps(is_coroutine=bool(code.co_flags & _COROUTINE_FLAGS))
    has_read: set[int] = set()
    for instruction in dis.get_instructions(code):
        line = instruction.positions.lineno if instruction.positions is not None else None
        if line is None:
            continue
        if found.is_coroutine:
            if instruction.opname in _AWAITS:
                found.awaits.add(line)
        elif instruction.opname in _WRITES:
            if line in has_read:
                found.writes[instruction.offset] = line
        elif instruction.opname.startswith(_READS):
            has_read.add(line)
    return found
