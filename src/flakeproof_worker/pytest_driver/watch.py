"""Which line of code changes something: looked at after every line that runs, until it is not as it was."""

import sys
import threading
from types import FrameType
from typing import Any

from flakeproof_worker.shared.own_code import is_library


class Watch:
    """Watches one thing of the surroundings."""

    def __init__(self, state: Any, name: str) -> None:
        """`name` is that of a change that `state` has told of."""
        self._value = state.value
        self._name = name
        self._before: object = None
        self._previous: tuple[str, int, str] | None = None
        self._line = ""

    def start(self) -> None:
        """Look from now on."""
        self._before = self._value(self._name)
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def stop(self) -> str:
        """Look no more; `file:line (function)` of the line that has changed it, "" if none was seen to."""
        sys.settrace(None)
        threading.settrace(None)
        return self._line

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._line or _is_library(frame.f_code.co_filename):
            return None
        return self._lines

    def _lines(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._line:
            return None
        if self._previous is not None and self._value(self._name) != self._before:
            file, line, function = self._previous
            self._line = f"{file}:{line} ({function})"
            return None
        self._previous = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        return self._lines


def _is_library(file: str) -> bool:
    return file.startswith("<") or is_library(file)
