"""Random draws for a trial, from its seed alone: nothing here uses the generator that tests use."""

import random
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import shake_128
from itertools import chain, count

_BLOCK = 128
"""Bytes drawn at once; a multiple of four."""
_SCALE = (2.0**-32).__mul__


def generator(seed: int, *names: object) -> random.Random:
    """The generator for the purpose `names` in the trial with this seed."""
    return random.Random(_name(seed, names))


def active(seed: int, shares: Sequence[float]) -> list[bool]:
    """Whether each of several things happens in the trial with this seed; `shares` are their probabilities."""
    draw = generator(seed, "active").random
    return [draw() < share for share in shares]


class Quick:
    """A generator of uniform numbers only, ten times as fast to make: for draws that each trial needs anew."""

    __slots__ = ("random",)

    random: Callable[[], float]
    """The next number from 0 to 1, exclusive: 32 bits of SHAKE-128, which is fine enough here."""

    def __init__(self, seed: int, *names: object) -> None:
        blocks = map(partial(_block, _name(seed, names)), count())
        self.random = map(_SCALE, chain.from_iterable(blocks)).__next__


def _block(name: str, number: int) -> memoryview:
    return memoryview(shake_128(f"{name}:{number}".encode()).digest(_BLOCK)).cast("I")


def _name(seed: int, names: Sequence[object]) -> str:
    return ":".join(map(str, ("flakeproof", seed, *names)))
