"""Watch when chosen lines of Python code are reached; know what code does at its lines, and which trial runs it."""

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
    """What to watch in one code object."""

    lines: Container[int]
    """Lines before which `reached` is called."""
    reached: Callable[[int], None]
    """Called with the line."""
    writes: Mapping[int, int] = field(default_factory=dict)
    """Offsets of instructions before which `reached` is called, too, and their lines."""


Wants = Callable[[CodeType], Watched | None]
"""Returns what to watch in a code object, None for nothing; called once for each."""


class LineWatch(Protocol):
    """Calls `Watched.reached` where a watched line or instruction is reached."""

    def start(self) -> None:
        """Watch this thread and all threads that start from now on; calling it again has no effect."""


def watch(wants: Wants) -> LineWatch:
    """The kind of watch that this interpreter supports best."""
    return Monitoring(wants) if sys.version_info >= (3, 12) else Tracing(wants)


class Tracing:
    """Watches by a trace function, which runs at each function call and, in chosen functions, at each line."""

    def __init__(self, wants: Wants) -> None:
        self._wants = wants
        # Keyed by address, because hashing a code object is slow. Keeping the object keeps its address valid.
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
    """Watches by events of `sys.monitoring`, switched on for chosen code objects only."""

    _TOOLS = (3, 4)
    """Tool numbers that `sys.monitoring` reserves for no particular tool."""

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
    """A value for each trial in flight.

    Threads that a trial starts do not know their trial: with several trials in one process, they count as part of the
    trial that began last.
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
        """The trial has ended; threads that it leaves behind belong to no trial."""
        gone = self._all.pop(trial, None)
        if self._latest is gone:
            self._latest = next(iter(self._all.values()), None)

    def now(self, context: Context | None = None) -> T | None:
        """The value of the trial that is running here, or in `context`; None without a trial."""
        running = RUNNING.get(None) if context is None else context.get(RUNNING)
        found = self._all.get(running[0]) if running is not None else None
        return found if found is not None else self._latest


_COROUTINE_FLAGS = 0x80 | 0x100 | 0x200  # inspect.CO_COROUTINE, CO_ITERABLE_COROUTINE, CO_ASYNC_GENERATOR
_AWAITS = {"SEND", "YIELD_VALUE", "GET_AWAITABLE", "GET_ANEXT"}
_WRITES = {"STORE_ATTR", "STORE_SUBSCR", "STORE_GLOBAL", "STORE_DEREF"}
_READS = ("LOAD_ATTR", "LOAD_METHOD", "LOAD_GLOBAL", "LOAD_DEREF", "BINARY_SUBSCR", "CALL", "PRECALL")


@dataclass
class Steps:
    """The places in a code object at which other threads or tasks may get in between."""

    is_coroutine: bool
    awaits: set[int] = field(default_factory=set)
    """In a coroutine: lines at which it may be suspended."""
    writes: dict[int, int] = field(default_factory=dict)
    """In plain code: the offset and line of each instruction that writes to an attribute, an item, or a variable of an
    outer scope, on a line that has read or called something before."""


def steps_of(code: CodeType) -> Steps:
    """Find these places among the instructions of `code`."""
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
