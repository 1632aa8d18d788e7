"""The smallest part of a set that still has an effect: delta debugging, complements first.

A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE Transactions on Software
Engineering 28(2), 2002 (ddmin). What it returns is 1-minimal: without any one element the effect is gone.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Element = TypeVar("Element")


def minimise(elements: Sequence[Element], first_showing: Callable[[list[list[Element]]], int | None]) -> list[Element]:
    """A 1-minimal part of `elements`, which have the effect together.

    `first_showing` is given parts and returns the index of the first one that has the effect, None if none has.
    """
    present = list(elements)
    pieces = 2
    while len(present) > 1:
        pieces = min(pieces, len(present))
        parts = _split(present, pieces)
        rests = [[one for other in parts if other is not part for one in other] for part in parts]
        found = first_showing(rests)
        if found is not None:
            present, pieces = rests[found], max(pieces - 1, 2)
        elif pieces == len(present):
            break
        else:
            pieces *= 2
    return present


def _split(elements: list[Element], pieces: int) -> list[list[Element]]:
    share, more = divmod(len(elements), pieces)
    parts: list[list[Element]] = []
    start = 0
    for piece in range(pieces):
        end = start + share + (piece < more)
        parts.append(elements[start:end])
        start = end
    return parts
