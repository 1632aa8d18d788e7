"""Pauses at chosen lines of Python code.

Plain code pauses before a chosen line begins. It pauses again before the line writes to an attribute, an item or a
variable of an outer scope, if the line has read or called something before: other threads can get in between. A
coroutine does not pause, because that would stop everything else in its event loop; instead, what it awaits at a chosen
line takes longer (`postponement`). Only a line that was chosen by its number and awaits nothing pauses in a coroutine.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from contextvars import Context
from random import Random
from time import sleep
from types import CodeType
from typing import Any

from flakeproof_worker.perturb.postponement import Postponement
from flakeproof_worker.perturb.watching import PerTrial, Watched, steps_of, watch
from flakeproof_worker.shared import draws, user_code
from flakeproof_worker.shared.user_code import OwnCode

Place = tuple[str, int]
"""`file:function`, and a line."""


class Delays:
    """The delays of a run, as the coordinator has described them."""

    def __init__(self, delays: Sequence[Mapping[str, Any]], own: OwnCode, marks: str) -> None:
        """A file `marks` + number records that the delay with that number has ever paused something."""
        self._delays = delays
        self._own = own
        self._marks = marks
        self._marked: set[int] = set()
        self._shares = [delay["share"] for delay in delays]
        self._trials = PerTrial(self._drawn)
        self._branch = ""
        self._forks = 0
        self._watch = watch(self._wants)
        self._postponement = Postponement(self._awaits, self._seconds)

    def prepare(self) -> None:
        """Get ready, before any code of the user is imported."""
        self._postponement.install()
        os.register_at_fork(before=self._before_fork, after_in_child=self._in_child)

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._forks = 0
        self._trials.begin(trial, seed)
        self._watch.start()

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    # -- where

    def _matching(self, code: CodeType) -> tuple[list[int], dict[int, list[int]]]:
        """Numbers of the delays for all lines of this code, and, for single lines, of the delays for that line."""
        functions: list[int] = []
        lines: dict[int, list[int]] = {}
        for number, delay in enumerate(self._delays):
            if not user_code.fits_file(delay["file"], code.co_filename, self._own):
                continue
            line = user_code.line_of(delay["where"])
            if line is None:
                if user_code.fits_function(delay["where"], code):
                    functions.append(number)
            elif line in user_code.lines_of(code):
                lines.setdefault(line, []).append(number)
        return functions, lines

    def _wants(self, code: CodeType) -> Watched | None:
        functions, single = self._matching(code)
        if not functions and not single:
            return None
        steps = steps_of(code)
        everywhere = () if steps.is_coroutine else user_code.lines_of(code)
        numbers = {line: tuple(functions) + tuple(single.get(line, ())) for line in {*everywhere, *single}}
        if steps.is_coroutine:
            numbers = {line: tuple(single[line]) for line in single if line not in steps.awaits}
        where = _where(code)
        chosen = {line: (where, line) for line, found in numbers.items() if found}
        if not chosen:
            return None

        def reached(line: int) -> None:
            self._pause(numbers[line], chosen[line])

        writes = {offset: line for offset, line in steps.writes.items() if line in chosen}
        return Watched(frozenset(chosen), reached, writes)

    def _awaits(self, code: CodeType) -> Mapping[int, tuple[tuple[int, ...], Place]]:
        """For each chosen line at which a coroutine awaits: the numbers of the delays, and the place."""
        functions, single = self._matching(code)
        if not functions and not single:
            return {}
        numbers = {line: (*functions, *single.get(line, ())) for line in steps_of(code).awaits}
        return {line: (found, (_where(code), line)) for line, found in numbers.items() if found}

    # -- when, and for how long

    def _drawn(self, trial: int, seed: int) -> "_Drawn":
        return _Drawn(seed, draws.active(seed, self._shares))

    def _seconds(self, numbers: Sequence[int], place: Place, context: Context | None = None) -> float:
        drawn = self._trials.now(context)
        if drawn is None:
            return 0.0
        seconds = 0.0
        for number in numbers:
            if not drawn.active[number]:
                continue
            delay = self._delays[number]
            generator = drawn.generator(self._branch, number, place)
            if generator.random() < delay["probability"]:
                seconds += generator.uniform(delay["least"], delay["most"])
                if number not in self._marked:
                    self._mark(number)
        return seconds

    def _pause(self, numbers: Sequence[int], place: Place) -> None:
        if (seconds := self._seconds(numbers, place)) > 0:
            sleep(seconds)

    def _mark(self, number: int) -> None:
        self._marked.add(number)
        with suppress(OSError):  # the trial may have used up all descriptors; then the mark is lost
            os.close(os.open(f"{self._marks}{number}", os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))

    # -- each fork of this process has its own draws, and a replayed trial repeats them

    def _before_fork(self) -> None:
        self._forks += 1

    def _in_child(self) -> None:
        if self._trials.now() is not None:
            self._branch += f"/{self._forks}"
        self._forks = 0


class _Drawn:
    """The draws of one trial: for each place, its pauses in the order in which it is reached."""

    def __init__(self, seed: int, active: list[bool]) -> None:
        self._seed = seed
        self.active = active
        self._generators: dict[object, Random] = {}

    def generator(self, branch: str, number: int, place: Place) -> Random:
        key = branch, number, place
        found = self._generators.get(key)
        if found is None:
            found = self._generators[key] = draws.generator(self._seed, "delay", branch, number, *place)
        return found


def _where(code: CodeType) -> str:
    return f"{os.path.basename(code.co_filename)}:{code.co_qualname}"  # noqa: PTH119 - pathlib is slower
