"""Write down what a trial does in the project's own code: lines, how long they took, values, results, exceptions.

One trial in a process that ends with it. Counts and first and last moments are kept for each line, not a log of all
events, so that memory is bounded by the code and not by the time. A moment is the number of the event.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from types import CodeType, FrameType
from typing import Any

from flakeproof_worker.recording.samples import CodeFacts, Fact, Sample, attribute_of, facts_about, facts_of
from flakeproof_worker.shared.private import json, os, time
from flakeproof_worker.shared.user_code import OwnCode

_clock = time.perf_counter_ns
_ident = threading.get_ident
_MOST_VALUES = 20_000
_MOST_SWITCHES = 2_000
_MOST_DISTINCT = 16
_REMEMBERED = 48
"""Latest lines that write to what others may see, of all threads and tasks."""
_SAMPLED = 30
"""Times a line is reached at which its variables are looked at; later only at powers of two, and always in focus."""


class _Line:
    """What is known of one line of one function."""

    __slots__ = ("called_ns", "end", "first", "hits", "last", "total_ns")

    def __init__(self, moment: int) -> None:
        self.first = self.last = self.end = moment
        self.hits = 0
        self.total_ns = self.called_ns = 0


class _Value:
    """One fact about a variable at one line."""

    __slots__ = ("count", "distinct", "first", "first_value", "highest", "last", "last_value", "lowest")

    def __init__(self, moment: int, value: Fact) -> None:
        self.first, self.first_value, self.count = moment, value, 0
        self.lowest: Any = value
        self.highest: Any = value
        self.distinct: set[Fact] = set()
        self.see(moment, value)

    def see(self, moment: int, value: Fact) -> None:
        self.last, self.last_value = moment, value
        self.count += 1
        if len(self.distinct) < _MOST_DISTINCT:
            self.distinct.add(value)
        if type(value) in (int, float) and type(self.lowest) in (int, float):
            self.lowest = min(self.lowest, value)
            self.highest = max(self.highest, value)


class _Code:
    """One function, and its lines so far."""

    __slots__ = ("facts", "in_focus", "lines")

    def __init__(self, facts: CodeFacts, *, in_focus: bool) -> None:
        self.facts = facts
        self.in_focus = in_focus
        """Whether one of its lines is looked at closely."""
        self.lines: dict[int, _Line] = {}


class _Call:
    """One frame that runs, or is suspended."""

    __slots__ = ("code", "entered", "frame", "line", "parent", "parent_line", "since", "unit")

    def __init__(self, frame: FrameType, code: _Code, unit: int, now: int, parent: "_Call | None") -> None:
        self.frame = frame
        self.code = code
        self.unit = unit
        self.entered = now
        self.line = 0
        self.since = 0
        self.parent = parent
        self.parent_line = parent.line if parent is not None else 0


class Recorder:
    """Records this thread, and every one that starts meanwhile, from the start of the block to its end."""

    def __init__(
        self, order: Mapping[str, Any], folders: Iterable[str], trial: int, engine: Callable[["Recorder"], Any]
    ) -> None:
        """`order` has the folder for what was seen, written as `TRIAL.json`, and the lines in focus.

        `engine` makes what hears of events and tells them to the recorder.
        """
        self._path = f"{order['folder']}/{trial}.json"
        self._trial = trial
        self._focus: set[tuple[str, int]] = {(str(file), int(line)) for file, line in order["focus"]}
        self._narrow = bool(order.get("narrow"))
        """Whether only functions that hold a line in focus are recorded."""
        self._own = OwnCode(folders)
        self._known: dict[int, _Code | None] = {}
        self._codes: list[tuple[CodeType, _Code]] = []
        self._calls: dict[int, _Call] = {}
        self._values: dict[tuple[str, int, str], _Value] = {}
        self._raised: dict[tuple[str, int, str, str], list[int]] = {}
        self._switches: dict[tuple[str, int, str, int], list[int]] = {}
        self._interruptions: dict[tuple[str, int, str, int], list[int]] = {}
        self._writes: deque[tuple[int, int, str, int]] = deque(maxlen=_REMEMBERED)
        self._left_at: dict[int, int] = {}
        self._units: dict[object, int] = {}
        self._running: _Call | None = None
        self._moment = 0
        self._on = False
        self._engine = engine(self)

    def __enter__(self) -> None:
        self._on = True
        self._engine.start()

    def __exit__(self, *error: object) -> None:
        self._on = False
        self._engine.stop()
        self._finish_lines()
        text = json.dumps(self._seen(), ensure_ascii=True, default=repr).encode()
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            while text:
                text = text[os.write(descriptor, text) :]
        finally:
            os.close(descriptor)

    # What the engines tell. Each returns quickly for code that is not the project's own.

    def code_of(self, code: CodeType) -> _Code | None:
        """What is recorded of `code`; None for what is not the project's own."""
        try:
            return self._known[id(code)]
        except KeyError:
            found = None
            if self._own.relative(code.co_filename) is not None:
                lines = {(code.co_filename, line) for line in _lines_of(code)}
                in_focus = bool(lines & self._focus)
                if in_focus or not self._narrow:
                    found = _Code(facts_about(code), in_focus=in_focus)
            self._known[id(code)] = found
            if found is not None:
                self._codes.append((code, found))  # keeps the address taken
            return found

    def entered(self, frame: FrameType, code: _Code) -> None:
        """A function of the project begins, or goes on after it was suspended."""
        if not self._on:
            return
        key = id(frame)
        call = self._calls.get(key)
        unit = self._unit()
        if call is not None and call.frame is frame and code.facts.suspends:
            call.unit = unit
            self._switch(call)
            return
        back = frame.f_back
        parent = None
        while back is not None and parent is None:
            parent = self._calls.get(id(back))
            if parent is not None and parent.frame is not back:
                parent = None
            back = back.f_back
        self._calls[key] = _Call(frame, code, unit, _clock(), parent)
        self._moment += 1

    def reached(self, frame: FrameType, code: _Code, line: int) -> None:
        """The line is about to run."""
        if not self._on:
            return
        now = _clock()
        call = self._calls.get(id(frame))
        if call is None or call.frame is not frame:
            call = self._calls[id(frame)] = _Call(frame, code, self._unit(), now, None)
        self._leave_line(call, now)
        if self._running is not call:
            self._switch(call, line)
        self._moment = moment = self._moment + 1
        seen = code.lines.get(line)
        if seen is None:
            seen = code.lines[line] = _Line(moment)
        seen.last = moment
        seen.hits = hits = seen.hits + 1
        call.line, call.since = line, now
        if line in code.facts.writes:
            self._writes.append((moment, call.unit, code.facts.file, line))
        focus = (code.facts.file, line) in self._focus
        if focus or hits <= _SAMPLED or hits & (hits - 1) == 0:
            if focus:
                self._all_locals(frame, code, line)
            samples = code.facts.samples.get(line)
            if samples:
                self._look(frame, code, line, samples)

    def left(self, frame: FrameType, code: _Code, result: Any, *, suspended: bool) -> None:
        """A function returns, or is suspended."""
        call = self._calls.get(id(frame))
        if not self._on or call is None:
            return
        if suspended:
            return
        self._end(call)
        self._moment += 1
        for name, fact in facts_of("the result", result):
            self._note(code.facts.file, code.facts.first_line, f"{name} of {code.facts.function}", fact)

    def raised(self, frame: FrameType, code: _Code, kind: type[BaseException]) -> None:
        """An exception has come up at the line that runs in `frame`."""
        if not self._on or kind in (StopIteration, StopAsyncIteration, GeneratorExit):
            return
        self._moment += 1
        key = code.facts.file, frame.f_lineno or 0, kind.__name__, code.facts.function
        self._raised.setdefault(key, [self._moment, 0])[1] += 1
        if (code.facts.file, frame.f_lineno) in self._focus:
            self._all_locals(frame, code, frame.f_lineno or 0)

    def unwound(self, frame: FrameType) -> None:
        """A function ends by an exception."""
        call = self._calls.get(id(frame))
        if self._on and call is not None:
            self._end(call)

    def intermediate(self, frame: FrameType, code: _Code, name: str, offset: int) -> None:
        """An intermediate value of an assertion is known."""
        if not self._on:
            return
        local = frame.f_locals
        if name in local:
            line = frame.f_lineno or 0
            where = code.facts.columns.get(offset)
            text = f"@{where[0]}:{where[2]}-{where[1]}:{where[3]}" if where is not None else f"@{name}"
            for shown, fact in facts_of(text, local[name]):
                self._note(code.facts.file, line, shown, fact)

    def _unit(self) -> int:
        """Number of the thread, or of the task, that runs."""
        key: object = _ident()
        asyncio = sys.modules.get("asyncio")
        if asyncio is not None:
            try:
                if asyncio._get_running_loop() is not None and (task := asyncio.current_task()) is not None:
                    key = (key, id(task))
            except (AttributeError, RuntimeError):
                pass
        return self._units.setdefault(key, len(self._units))

    def _switch(self, call: _Call, line: int = 0) -> None:
        """Another frame runs than before: note it where another thread or task runs, too."""
        before = self._running
        self._running = call
        if before is None or before.unit == call.unit or len(self._switches) >= _MOST_SWITCHES:
            return
        line = line or call.line or call.code.facts.first_line
        key = before.code.facts.file, before.line, call.code.facts.file, line
        self._switches.setdefault(key, [self._moment, 0])[1] += 1
        self._left_at[before.unit] = self._moment
        since = self._left_at.get(call.unit, self._moment)
        meanwhile = {(file, line) for moment, unit, file, line in self._writes if moment > since and unit != call.unit}
        pending: _Call | None = call
        while meanwhile and pending is not None and len(self._interruptions) < _MOST_SWITCHES:
            if pending.line:
                for other in meanwhile:
                    interruption = pending.code.facts.file, pending.line, *other
                    self._interruptions.setdefault(interruption, [self._moment, 0])[1] += 1
            pending = pending.parent

    def _leave_line(self, call: _Call, now: int) -> None:
        if call.line:
            seen = call.code.lines[call.line]
            took = now - call.since
            seen.end = self._moment
            seen.total_ns += took

    def _end(self, call: _Call) -> None:
        now = _clock()
        self._leave_line(call, now)
        self._calls.pop(id(call.frame), None)
        parent = call.parent
        if parent is not None and call.parent_line:
            line = parent.code.lines.get(call.parent_line)
            if line is not None:
                line.called_ns += now - call.entered

    def _finish_lines(self) -> None:
        now = _clock()
        for call in list(self._calls.values()):
            self._leave_line(call, now)

    def _look(self, frame: FrameType, code: _Code, line: int, samples: tuple[Sample, ...]) -> None:
        local = frame.f_locals
        for sample in samples:
            if sample.owner not in local:
                continue
            value = local[sample.owner]
            if sample.attribute:
                known, value = attribute_of(value, sample.attribute)
                if not known:
                    continue
            for name, fact in facts_of(sample.name, value):
                self._note(code.facts.file, line, name, fact)

    def _all_locals(self, frame: FrameType, code: _Code, line: int) -> None:
        for owner, value in list(frame.f_locals.items()):
            if not owner.startswith(("@", "__")):
                for name, fact in facts_of(owner, value):
                    if not name.startswith("type("):
                        self._note(code.facts.file, line, name, fact)

    def _note(self, file: str, line: int, name: str, fact: Fact) -> None:
        key = file, line, name
        seen = self._values.get(key)
        if seen is not None:
            seen.see(self._moment, fact)
        elif len(self._values) < _MOST_VALUES:
            self._values[key] = _Value(self._moment, fact)

    def _seen(self) -> dict[str, Any]:
        lines = [
            [
                code.facts.file,
                line,
                code.facts.function,
                seen.first,
                seen.end,
                seen.hits,
                seen.total_ns,
                max(0, seen.total_ns - seen.called_ns),
            ]
            for _, code in self._codes
            for line, seen in code.lines.items()
        ]
        values = [
            [
                *(*key, seen.first, seen.last, seen.count, seen.first_value, seen.last_value, seen.lowest),
                *(seen.highest, len(seen.distinct)),
            ]
            for key, seen in self._values.items()
        ]
        return {
            "trial": self._trial,
            "lines": lines,
            "values": values,
            "raised": [[*key, *seen] for key, seen in self._raised.items()],
            "switches": [[*key, *seen] for key, seen in self._switches.items()],
            "interruptions": [[*key, *seen] for key, seen in self._interruptions.items()],
            "units": len(self._units),
            "events": self._moment,
        }


def _lines_of(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line is not None}
