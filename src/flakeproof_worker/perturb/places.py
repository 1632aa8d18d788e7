"""Record which lines of the project's own code a trial executes, and in how many threads and tasks each."""

import sys
import threading
from collections import Counter
from types import CodeType

from flakeproof_worker.perturb.watching import PerTrial, Watched, steps_of, watch
from flakeproof_worker.shared import user_code
from flakeproof_worker.shared.private import json, os
from flakeproof_worker.shared.user_code import OwnCode

NAME = "places.jsonl"
"""A file in the run's folder. Each of its lines is a place in one thread or task of a trial, with its count so far."""


class PlaceRecorder:
    """Records the places of each trial."""

    def __init__(self, own: OwnCode, path: str) -> None:
        self._own = own
        self._path = path
        self._trials: PerTrial[_Counts] = PerTrial(lambda trial, seed: _Counts(trial))
        self._watch = watch(self._wants)

    def prepare(self) -> None:
        """Get ready, before any code of the user is imported."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)
        self._watch.start()

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    def _wants(self, code: CodeType) -> Watched | None:
        if not user_code.is_function(code) or self._own.relative(code.co_filename) is None:
            return None
        steps = steps_of(code)
        lines = user_code.lines_of(code) & steps.awaits if steps.is_coroutine else user_code.lines_of(code)
        if not lines:
            return None

        def reached(line: int) -> None:
            self._count(code, line)

        return Watched(lines, reached)

    def _count(self, code: CodeType, line: int) -> None:
        counts = self._trials.now()
        if counts is None:
            return
        unit = _unit()
        key = code.co_filename, line, unit
        counts.hits[key] += 1
        hits = counts.hits[key]
        # Written at 1, 2, 4, 8, …: a fork of this process may end at any time without notice.
        if hits & (hits - 1) == 0:
            row = (counts.trial, unit, code.co_filename, line, user_code.names_of(code)[1], hits)
            self._write(json.dumps(row))

    def _write(self, text: str) -> None:
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            os.write(descriptor, text.encode() + b"\n")
        finally:
            os.close(descriptor)


class _Counts:
    def __init__(self, trial: int) -> None:
        self.trial = trial
        self.hits: Counter[tuple[str, int, str]] = Counter()


def _unit() -> str:
    """What runs here, as `process:thread:task`."""
    task = ""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None and asyncio._get_running_loop() is not None:
        task = str(id(asyncio.current_task()))
    return f"{os.getpid()}:{threading.get_ident()}:{task}"
