"""Tell a recorder what runs, by events of `sys.monitoring` on the project's own code only: from Python 3.12 on."""

import sys
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flakeproof_worker.recording.recorder import Recorder

_TOOLS = (4, 3)
"""Numbers that the standard library reserves for nobody."""


class ByMonitoring:
    """Calls the recorder from every thread; code that is not the project's own runs at full speed."""

    def __init__(self, recorder: "Recorder") -> None:
        self._recorder = recorder
        self._monitoring: Any = sys.monitoring  # type: ignore[attr-defined,unused-ignore]
        self._tool = -1
        self._armed: set[int] = set()
        self._stored: dict[int, int] = {}

    def start(self) -> None:
        """Begin. Raises RuntimeError where both free tool numbers are taken."""
        monitoring = self._monitoring
        free = [tool for tool in _TOOLS if monitoring.get_tool(tool) is None]
        if not free:
            raise RuntimeError("both free tool numbers of sys.monitoring are taken: nothing can be recorded")
        self._tool = free[0]
        monitoring.use_tool_id(self._tool, "flakeproof trace")
        events = monitoring.events
        for event, heard in (
            (events.PY_START, self._started),
            (events.PY_RESUME, self._resumed),
            (events.LINE, self._line),
            (events.PY_RETURN, self._returned),
            (events.PY_YIELD, self._yielded),
            (events.RAISE, self._raised),
            (events.PY_UNWIND, self._unwound),
            (events.INSTRUCTION, self._instruction),
        ):
            monitoring.register_callback(self._tool, event, heard)
        # Exceptions can only be heard of everywhere.
        monitoring.set_events(self._tool, events.PY_START | events.PY_RESUME | events.RAISE | events.PY_UNWIND)

    def stop(self) -> None:
        """End."""
        self._monitoring.set_events(self._tool, 0)
        self._monitoring.free_tool_id(self._tool)

    def _arm(self, code: CodeType) -> Any:
        """Switch on what is wanted of a function of the project; True if it is one."""
        known = self._recorder.code_of(code)
        if known is None:
            return None
        if id(code) not in self._armed:
            self._armed.add(id(code))
            events = self._monitoring.events
            wanted = events.LINE | events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
            if known.facts.intermediate and known.in_focus:
                wanted |= events.INSTRUCTION
            self._monitoring.set_local_events(self._tool, code, wanted)
        return known

    def _started(self, code: CodeType, offset: int) -> Any:
        known = self._arm(code)
        if known is None:
            return self._monitoring.DISABLE
        self._recorder.entered(sys._getframe(1), known)
        return None

    def _resumed(self, code: CodeType, offset: int) -> Any:
        return self._started(code, offset)

    def _line(self, code: CodeType, line: int) -> Any:
        known = self._recorder.code_of(code)
        if known is not None:
            self._recorder.reached(sys._getframe(1), known, line)

    def _returned(self, code: CodeType, offset: int, result: Any) -> Any:
        known = self._recorder.code_of(code)
        if known is not None:
            self._recorder.left(sys._getframe(1), known, result, suspended=False)

    def _yielded(self, code: CodeType, offset: int, result: Any) -> Any:
        known = self._recorder.code_of(code)
        if known is not None:
            self._recorder.left(sys._getframe(1), known, result, suspended=True)

    def _raised(self, code: CodeType, offset: int, error: BaseException) -> Any:
        known = self._recorder.code_of(code)
        if known is not None:
            self._recorder.raised(sys._getframe(1), known, type(error))

    def _unwound(self, code: CodeType, offset: int, error: BaseException) -> Any:
        if self._recorder.code_of(code) is not None:
            self._recorder.unwound(sys._getframe(1))

    def _instruction(self, code: CodeType, offset: int) -> Any:
        known = self._recorder.code_of(code)
        if known is None:
            return self._monitoring.DISABLE
        frame = sys._getframe(1)
        before = self._stored.pop(id(frame), None)
        if before is not None:
            self._recorder.intermediate(frame, known, known.facts.intermediate[before], before)
        if offset in known.facts.intermediate:
            self._stored[id(frame)] = offset
        return None
