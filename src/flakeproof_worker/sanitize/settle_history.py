"""What becomes of what trials leave behind: whether it ends by itself in the time it has, or stays.

To find out takes that time, and a trial that waits keeps the next one from running beside what it has left: the very
company that a flake may need. So after some times of waiting what was left by the same line of code is judged by what
has become of it before.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flakeproof_worker.sanitize.descriptors.open import LeftOpen
from flakeproof_worker.sanitize.leaks.leftover import NOT_TIMED, Leftover
from flakeproof_worker.sanitize.sighting import Sighting

_WAITS = 10
"""Times that a process waits for what the same line of code has left behind."""


@dataclass
class _Fate:
    gone: int = 0
    stayed: int = 0

    @property
    def is_known(self) -> bool:
        return self.gone + self.stayed >= _WAITS


class Fates:
    """Knows, by line of code."""

    def __init__(self, note: Callable[[Sighting], None]) -> None:
        """`note` is told of what has outlived its trial, and ended."""
        self._note = note
        self._fates: dict[tuple[object, ...], _Fate] = {}

    def judged(self, left: list[Leftover]) -> list[Leftover] | None:
        """Those of `left` that will stay, if that is known of all of them; None if somebody has to wait for it."""
        fates = [self._fates.get(_line(leftover)) for leftover in left]
        if any(fate is None or not fate.is_known for fate in fates):
            return None
        stay = []
        for leftover, fate in zip(left, fates, strict=True):
            if fate is not None and not fate.gone:
                stay.append(leftover)
            else:
                self._lingered(leftover)
        return stay

    def learn(self, gone: Iterable[Leftover], stayed: list[Leftover]) -> list[Leftover]:
        """Remember what somebody has waited for; return what `stayed`."""
        for leftover in gone:
            self._fates.setdefault(_line(leftover), _Fate()).gone += 1
            self._lingered(leftover)
        for leftover in stayed:
            self._fates.setdefault(_line(leftover), _Fate()).stayed += 1
        return stayed

    def _lingered(self, leftover: Leftover) -> None:
        """Tell of what goes a little later than its trial; a descriptor is closed by what lingers, which is told."""
        if not isinstance(leftover, LeftOpen):
            leftover.lingered_ns = leftover.lingered_ns or NOT_TIMED
            self._note(leftover.sighting())


def _line(leftover: Leftover) -> tuple[object, ...]:
    seen = leftover.seen
    return leftover.creation.stack[:4], seen.what if seen is not None else ""
