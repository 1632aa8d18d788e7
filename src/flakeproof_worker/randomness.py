"""Seed the global generators of `random` and numpy for each trial, without importing them where nobody uses them."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import ModuleType
from typing import Any

from flakeproof_worker.current import NoTrialError, current_trial
from flakeproof_worker.import_hooks import when_imported

GENERATORS = ("random", "numpy.random")
"""Modules with a generator that all code shares, and a function `seed` for it."""


_EACH = "each"


class GlobalRandom:
    """Seeds the generators that are there, and others at their first import when a trial brings them in."""

    def __init__(self, names: Sequence[str] = GENERATORS, start_of: Callable[[int], int] | None = None) -> None:
        """`start_of` tells from the seed of a trial what they start from in it; None where it is that."""
        self._start_of = start_of
        self._latest: deque[int] = deque(maxlen=1)
        self._seeds: list[Callable[[int], Any]] = []
        # Until a generator is there the seed is only kept, by a method that costs next to nothing.
        self.seed: Callable[[int], Any] = self._latest.append
        self._looking = True
        for name in names:
            when_imported(name, self._found)
        self._looking = False

    def _found(self, module: ModuleType) -> None:
        self._seeds.append(module.seed)
        if self._latest:
            module.seed(self._start(self._latest[0]))
        elif not self._looking:  # loaded in the midst of a trial, in which others have been seeded
            with suppress(NoTrialError):
                module.seed(self._start(current_trial().seed))
        self.seed = self._seeds[0] if len(self._seeds) == 1 and self._start_of is None else self._seed_all

    def _seed_all(self, seed: int) -> None:
        start = self._start(seed)
        for generator in self._seeds:
            generator(start)

    def _start(self, seed: int) -> int:
        return seed if self._start_of is None else self._start_of(seed)


def start_of(wanted: str) -> Callable[[int], int] | None:
    """From the seed of a trial to what the generators start from in it under `--random-seed`; None if it is that seed.

    `wanted` is a number, or `each` for the seed of the trial, whatever the tests have done to generators at import.
    """
    return None if wanted == _EACH else lambda seed: int(wanted)


def randomness_for(asked: Mapping[str, Any]) -> GlobalRandom:
    """Of a process that calls a function for each trial, one at a time, under what is `asked` for."""
    wanted = asked.get("random_seed")
    if not wanted:
        return GlobalRandom()
    return GlobalRandom(start_of=start_of(wanted))
