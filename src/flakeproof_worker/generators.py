"""Seed random number generators from each trial's seed: the global ones, and those that imported code has made."""

import gc
import sys
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import Any

from flakeproof_worker.current import NoTrialError, current_trial
from flakeproof_worker.import_hooks import when_imported

GENERATORS = ("random", "numpy.random")
"""Modules with a generator that all code shares, and a function `seed` for it."""


_EACH = "each"


class GlobalRandom:
    """Seeds the global generators that are imported, and others when a trial imports them first."""

    def __init__(self, names: Sequence[str] = GENERATORS, start_of: Callable[[int], int] | None = None) -> None:
        """`start_of` maps the seed of a trial to the seed of the generators; None uses the trial's seed."""
        self._start_of = start_of
        self._latest: deque[int] = deque(maxlen=1)
        self._seeds: list[Callable[[int], Any]] = []
        # Until a generator is imported, the seed is only kept, by a method that costs next to nothing.
        self.seed: Callable[[int], Any] = self._latest.append
        self._looking = True
        for name in names:
            when_imported(name, self._found)
        self._looking = False

    def _found(self, module: ModuleType) -> None:
        self._seeds.append(module.seed)
        if self._latest:
            module.seed(self._start(self._latest[0]))
        elif not self._looking:  # imported during a trial that has already seeded other generators
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
    """Map the seed of a trial to the seed of the generators under `--random-seed`; None if they are the same.

    `wanted` is a number, or `each` for the seed of the trial, even if the tests have seeded generators at import.
    """
    return None if wanted == _EACH else lambda seed: int(wanted)


def randomness_for(asked: Mapping[str, Any]) -> GlobalRandom:
    """The generators of a process that calls a function for each trial, one at a time, under perturbations `asked`."""
    wanted = asked.get("random_seed")
    if not wanted:
        return GlobalRandom()
    return GlobalRandom(start_of=start_of(wanted))


Reseed = Callable[[int], None]


class LiveGenerators:
    """Notes which generators are seeded from entropy while the user's code is imported."""

    def __init__(self) -> None:
        self._of_random: dict[int, weakref.ref[Any]] = {}
        """Generators seeded from entropy, by their id, in the order in which they were made."""
        self._drawn: list[int] = []
        """The entropy that numpy has drawn, in order."""
        self._undo: list[Callable[[], None]] = []
        self._stopped = False
        when_imported("random", self._watch_random)
        when_imported("numpy.random.bit_generator", self._watch_numpy)

    def stop(self) -> Reseed:
        """Stop watching; return a function that reseeds each noted generator that still exists, from a trial's seed."""
        self._stopped = True
        for undo in self._undo:
            undo()
        self._undo.clear()
        ways = [generator.seed for reference in self._of_random.values() if (generator := reference()) is not None]
        ways += self._ways_of_numpy()

        def reseed(seed: int) -> None:
            for index, start in enumerate(ways):
                with suppress(Exception):  # a user's class may take no seed
                    start(_mixed(seed, index))

        return reseed

    def _watch_random(self, module: ModuleType) -> None:
        if self._stopped:
            return
        kind: Any = module.Random
        instance = module._inst
        noted, seed, setstate = self._of_random, kind.seed, kind.setstate

        @wraps(seed)
        def noticing_seed(self: Any, a: Any = None, *options: Any, **named: Any) -> None:
            noted.pop(id(self), None)
            if a is None and self is not instance:
                noted[id(self)] = weakref.ref(self)
            seed(self, a, *options, **named)

        @wraps(setstate)
        def noticing_setstate(self: Any, state: Any) -> None:
            noted.pop(id(self), None)
            setstate(self, state)

        kind.seed, kind.setstate = noticing_seed, noticing_setstate

        def undo() -> None:
            if kind.seed is noticing_seed:
                kind.seed = seed
            if kind.setstate is noticing_setstate:
                kind.setstate = setstate

        self._undo.append(undo)

    def _watch_numpy(self, module: ModuleType) -> None:
        # numpy draws the seed of an unseeded generator from this function only, and looks it up at each call.
        draw = getattr(module, "randbits", None)
        if self._stopped or draw is None:
            return
        named: Any = module

        def randbits(bits: int) -> int:
            value: int = draw(bits)
            self._drawn.append(value)
            return value

        named.randbits = randbits

        def undo() -> None:
            named.randbits = draw

        self._undo.append(undo)

    def _ways_of_numpy(self) -> list[Callable[[int], Any]]:
        """Functions that reseed numpy's generators that were seeded from entropy, in the order of the draws."""
        if not self._drawn:
            return []
        numpy: Any = sys.modules["numpy.random"]
        kind, sequence = numpy.BitGenerator, numpy.SeedSequence
        shared = getattr(getattr(numpy.mtrand, "_rand", None), "_bit_generator", None)
        order = {value: place for place, value in enumerate(self._drawn)}
        found: list[tuple[int, tuple[int, ...], Any]] = []
        for thing in gc.get_objects():
            if not issubclass(type(thing), kind) or thing is shared:
                continue
            start: Any = getattr(thing, "seed_seq", None) or getattr(thing, "_seed_seq", None)
            entropy = getattr(start, "entropy", None)
            if isinstance(entropy, int) and entropy in order:
                found.append((order[entropy], tuple(start.spawn_key), thing))
        found.sort(key=lambda one: one[:2])

        def way_of(generator: Any) -> Callable[[int], Any]:
            def start(seed: int) -> None:
                generator.state = type(generator)(sequence(seed)).state

            return start

        return [way_of(generator) for _, _, generator in found]


def _mixed(seed: int, index: int) -> int:
    """A seed for the generator numbered `index`: two generators must not draw the same numbers."""
    return seed + ((index + 1) << 32)


class SeedWatch:
    """Watches calls of each global generator's `seed` from now on."""

    def __init__(self, names: Sequence[str] = GENERATORS) -> None:
        """`names` are the generators' modules."""
        self._seeded: set[str] = set()
        self._replaced: list[tuple[Any, Any, Any]] = []
        self._stopped = False
        for name in names:
            when_imported(name, self._look_at)

    def _look_at(self, module: ModuleType) -> None:
        if self._stopped:
            return
        named: Any = module
        original = named.seed

        def seed(*arguments: Any, **options: Any) -> None:
            given = arguments[0] if arguments else options.get("a", options.get("seed"))
            if given is None:  # seeded from entropy: the user does not want the same numbers in each trial
                self._seeded.discard(module.__name__)
            else:
                self._seeded.add(module.__name__)
            original(*arguments, **options)

        named.seed = seed
        self._replaced.append((named, original, seed))

    def stop(self) -> set[str]:
        """Stop watching; return the names of the modules whose generators have been seeded."""
        self._stopped = True
        for module, original, ours in self._replaced:
            if module.seed is ours:
                module.seed = original
        self._replaced.clear()
        return self._seeded
