"""Record a trial by the means of this Python: `sys.monitoring`, or before 3.12 a trace function."""

import dis
import sys
import threading
from collections.abc import Iterable, Mapping
from types import FrameType
from typing import Any

from flakeproof_worker.recording.recorder import Recorder

_RETURN = dis.opmap["RETURN_VALUE"]


class BySettrace:
    """Calls the recorder from this thread and from all that start from now on."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._before: Any = None

    def start(self) -> None:
        """Begin; a trace function that is there already (a debugger, coverage) comes back at the end."""
        self._before = sys.gettrace()
        threading.settrace(self._called)
        sys.settrace(self._called)

    def stop(self) -> None:
        """End."""
        sys.settrace(self._before)
        threading.settrace(None)  # type: ignore[arg-type,unused-ignore]

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        recorder = self._recorder
        code = recorder.code_of(frame.f_code)
        if code is None:
            return None
        recorder.entered(frame, code)
        intermediate = code.facts.intermediate if code.facts.intermediate and code.in_focus else None
        if intermediate:
            frame.f_trace_opcodes = True
        suspends = code.facts.suspends
        instructions = frame.f_code.co_code if suspends else b""
        stored: list[int] = []

        def local(frame: FrameType, event: str, argument: Any) -> Any:
            if event == "line":
                recorder.reached(frame, code, frame.f_lineno or 0)
            elif event == "opcode":
                # The event comes before an instruction runs: what was to be stored by the one before is stored now.
                if stored:
                    offset = stored.pop()
                    recorder.intermediate(frame, code, intermediate[offset], offset)  # type: ignore[index]
                if frame.f_lasti in intermediate:  # type: ignore[operator]
                    stored.append(frame.f_lasti)
            elif event == "return":
                if argument is None and _unwinds(frame):
                    recorder.unwound(frame)
                else:
                    ends = not suspends or instructions[frame.f_lasti] == _RETURN
                    recorder.left(frame, code, argument, suspended=not ends)
            elif event == "exception":
                recorder.raised(frame, code, argument[0])
            return local

        return local


def _unwinds(frame: FrameType) -> bool:
    """Whether a frame ends by an exception: it stops at an instruction that neither returns nor yields."""
    name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
    return name not in ("RETURN_VALUE", "YIELD_VALUE", "SEND", "RESUME", "RETURN_GENERATOR")


def recorder(order: Mapping[str, Any], folders: Iterable[str], trial: int) -> Recorder:
    """What records a trial while it is entered, as it was ordered; the own code is in the `folders`."""
    if sys.version_info >= (3, 12):
        from flakeproof_worker.recording.by_monitoring import ByMonitoring

        return Recorder(order, folders, trial, ByMonitoring)
    return Recorder(order, folders, trial, BySettrace)
