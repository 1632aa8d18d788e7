"""Wait for what chosen lines of the user's code start, a child process or a thread, before the next line runs.

It is for what nobody waits for: where the outcome is another one then, that it still ran is what mattered. What serves
to the end of the test has no such end, and the trial fails by that: it is not to count as one in which it had ended.
"""

import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from flakeproof_worker.import_hooks import replace, when_imported
from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.user_code import is_users

_LIMIT = 2.0
"""Seconds."""


class Awaiting:
    """The lines of the trials of a run."""

    def __init__(self, lines: Sequence[str]) -> None:
        """`lines` are written `FILE:LINE`, with the whole path."""
        self._lines = frozenset(lines)
        self._trials: PerTrial[bool] = PerTrial(lambda trial, seed: True)

    def prepare(self) -> None:
        """Replace what starts them, before any code of the user is imported."""
        replace(subprocess.Popen, "__init__", lambda real: self._behind(real, _child_ended))
        replace(threading.Thread, "start", lambda real: self._behind(real, _joined))
        when_imported(
            "multiprocessing.process",
            lambda module: replace(module.BaseProcess, "start", lambda real: self._behind(real, _joined)),
        )

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """It has ended."""
        self._trials.end(trial)

    def _behind(self, real: Callable[..., Any], ended: Callable[[Any], bool]) -> Callable[..., Any]:
        def started(self_: Any, *arguments: Any, **named: Any) -> Any:
            result = real(self_, *arguments, **named)
            if self._trials.now() is None or (place := _started_at(1)) not in self._lines:
                return result
            if not ended(self_):
                raise RuntimeError(f"flakeproof: what {place} starts goes on for more than {_LIMIT:g} s")
            return result

        return started


def _child_ended(child: Any) -> bool:
    try:
        child.wait(_LIMIT)
    except subprocess.TimeoutExpired:
        return False
    return True


def _joined(work: Any) -> bool:
    work.join(_LIMIT)
    return not work.is_alive()


def _started_at(skip: int) -> str:
    """The innermost line of the user's code among the callers."""
    frame = sys._getframe(skip + 1)
    while frame is not None:
        file = frame.f_code.co_filename
        if is_users(file):
            return f"{file}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return ""
