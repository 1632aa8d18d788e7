"""Generators that code made at import and let start from entropy: in each fork they start from the seed of the trial.

A fork inherits the state of every generator, so that each trial would draw the same numbers from `random.Random()`, or
from `numpy.random.default_rng()`, of a module. Who names a seed wants what comes of it: such a generator is left alone,
and so is one whose state was set. The global generators of `random` and numpy are not ours (`randomness`).
"""

import gc
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import ModuleType
from typing import Any

from flakeproof_worker.import_hooks import when_imported

Reseed = Callable[[int], None]


class LiveGenerators:
    """Notices which generators start from entropy while the user's code is imported."""

    def __init__(self) -> None:
        self._of_random: dict[int, weakref.ref[Any]] = {}
        """By their id, in the order in which they were made; only those that start from entropy."""
        self._drawn: list[int] = []
        """What numpy has drawn of entropy, in order."""
        self._undo: list[Callable[[], None]] = []
        self._stopped = False
        when_imported("random", self._watch_random)
        when_imported("numpy.random.bit_generator", self._watch_numpy)

    def stop(self) -> Reseed:
        """Look no more. What has each generator that is there now start anew, from the seed of a trial."""
        self._stopped = True
        for undo in self._undo:
            undo()
        self._undo.clear()
        ways = [generator.seed for reference in self._of_random.values() if (generator := reference()) is not None]
        ways += self._ways_of_numpy()

        def reseed(seed: int) -> None:
            for index, start in enumerate(ways):
                with suppress(Exception):  # a class of the user's may take no seed
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
        # The seed of a generator that is given none, and its only source of entropy; numpy looks it up at each call.
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
        """What starts numpy's generators that have begun with entropy, in the order in which it was drawn."""
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
    """A seed for the generator numbered `index`: two of them must not draw the same."""
    return seed + ((index + 1) << 32)
