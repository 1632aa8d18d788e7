"""Derive entropy from a seed: for `os.urandom`, `uuid4`, `secrets`, and generators without a seed.

This is what `--random-seed` does beside seeding the generators of `random` and numpy. C code that asks the operating
system itself (OpenSSL, other programs) still gets true entropy.
"""

import os
import random
from collections.abc import Callable
from threading import Lock
from typing import Any

from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared import draws

_urandom = os.urandom
_seed = random.Random.seed


class Entropy:
    """The bytes that the operating system seems to give in each trial."""

    def __init__(self, start_of: Callable[[int], int]) -> None:
        """`start_of` maps the seed of a trial to the seed of its entropy."""
        self._start_of = start_of
        self._trials: PerTrial[Any] = PerTrial(self._started)
        self._lock = Lock()
        self._seeding = self._seeded_anyway()

    def prepare(self) -> None:
        """Replace the sources of entropy, before any code of the user is imported."""
        os.urandom = self._bytes
        random._urandom = self._bytes  # type: ignore[attr-defined]
        if hasattr(os, "getrandom"):
            os.getrandom = lambda size, flags=0: self._bytes(size)

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        if random.Random.seed is not self._seeding:  # `LiveGenerators` restores the original after the imports
            random.Random.seed = self._seeding  # type: ignore[method-assign]
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    def _started(self, trial: int, seed: int) -> Any:
        return draws.generator(self._start_of(seed), "entropy")

    def _seeded_anyway(self) -> Callable[..., None]:
        """A replacement for `random.Random.seed` that seeds a generator without a seed from this entropy."""
        trials, drawn = self._trials, self._bytes

        def seed(self: random.Random, a: Any = None, *options: Any, **named: Any) -> None:
            if a is None and not isinstance(self, random.SystemRandom) and trials.now() is not None:
                a = int.from_bytes(drawn(32))
            _seed(self, a, *options, **named)

        return seed

    def _bytes(self, size: int, /) -> bytes:
        """A replacement for `os.urandom`."""
        source = self._trials.now()
        if source is None or size < 0:
            return _urandom(size)
        with self._lock:
            drawn: bytes = source.randbytes(size)
            return drawn
