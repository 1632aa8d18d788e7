"""Give a trial's leftovers a moment to end by themselves; earlier leftovers of the same line decide for how long."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flakeproof_worker.sanitize.descriptors.owners import Owner
from flakeproof_worker.sanitize.descriptors.table import OwnerTable
from flakeproof_worker.sanitize.leaks.leftover import NOT_TIMED, Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import Sighting, places, user_place
from flakeproof_worker.shared.private import time

LIMIT_NS = 100_000_000
"""How long leftovers may take to end, at most, in nanoseconds."""

_FIRST_WAIT = 0.000_05
_LONGEST_WAIT = 0.01
"""Both in seconds."""


class _Ending:
    """Checks leftovers at growing intervals, for the last time at the limit."""

    def __init__(self, leftovers: Iterable[Leftover], limit_ns: int) -> None:
        self.there = list(leftovers)
        self.gone: list[Leftover] = []
        self._start = time.perf_counter_ns()
        self._limit_ns = limit_ns
        self._wait = _FIRST_WAIT
        self._last = False

    def next_wait(self) -> float | None:
        """Check the leftovers; return the seconds until the next check, None if this was the last."""
        there = []
        elapsed = max(1, time.perf_counter_ns() - self._start)
        for leftover in self.there:
            if leftover.is_gone():
                leftover.lingered_ns = elapsed
                self.gone.append(leftover)
            else:
                there.append(leftover)
        self.there = there
        remaining = self._limit_ns - elapsed
        if not there or self._last or remaining <= 0:
            return None
        wait = min(self._wait, remaining / 1e9)
        self._last = wait < self._wait
        self._wait = min(2 * self._wait, _LONGEST_WAIT)
        return wait


def settle(leftovers: Iterable[Leftover], limit_ns: int = LIMIT_NS) -> tuple[list[Leftover], list[Leftover]]:
    """Wait until all leftovers have gone, for at most `limit_ns`; return those that have, and those that stay.

    In those that have gone, `lingered_ns` is set to an upper bound of how long they lingered.
    """
    ending = _Ending(leftovers, limit_ns)
    while (wait := ending.next_wait()) is not None:
        time.sleep(wait)
    return ending.gone, ending.there


async def settle_async(
    leftovers: Iterable[Leftover], limit_ns: int = LIMIT_NS
) -> tuple[list[Leftover], list[Leftover]]:
    """Like `settle`, but in an event loop, whose tasks run on meanwhile."""
    import asyncio  # a caller of this has imported it already

    ending = _Ending(leftovers, limit_ns)
    while (wait := ending.next_wait()) is not None:
        await asyncio.sleep(wait)
    return ending.gone, ending.there


class LeftOpen(Leftover):
    """A descriptor that was not closed."""

    __slots__ = ("_owner", "_table", "creation", "lingered_ns", "seen")

    def __init__(self, table: OwnerTable, owner: Owner) -> None:
        self._table = table
        self._owner = owner
        self.creation = Creation(owner.who, owner.made)
        self.lingered_ns = 0
        self.seen: Description | None = None

    def is_gone(self) -> bool:
        """Whether the descriptor has been closed meanwhile."""
        return not self._table.has(self._owner)

    def describe(self) -> Description:
        """What the descriptor is."""
        owner = self._owner
        noun = "listener" if owner.listens() else owner.kind
        made = user_place(places(owner.made))
        what = f"{noun} opened in {made.function}" if made is not None else f"{noun} "
        return Description(noun, what, f"descriptor {owner.number} ({owner.described()})", "left open")


_WAITS = 10
"""How often a process waits for leftovers of one line of code before it trusts the pattern."""


@dataclass
class _Fate:
    gone: int = 0
    stayed: int = 0

    @property
    def is_known(self) -> bool:
        return self.gone + self.stayed >= _WAITS


class Fates:
    """Knows, by the line of code that made them, whether leftovers end by themselves."""

    def __init__(self, note: Callable[[Sighting], None]) -> None:
        """`note` is called with each leftover that has outlived its trial and then ended."""
        self._note = note
        self._fates: dict[tuple[object, ...], _Fate] = {}

    def judged(self, left: list[Leftover]) -> list[Leftover] | None:
        """Those of `left` that will stay; None if the fate of one is not known yet, so that it must be waited for."""
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
        """Remember the result of a wait; return what `stayed`."""
        for leftover in gone:
            self._fates.setdefault(_line(leftover), _Fate()).gone += 1
            self._lingered(leftover)
        for leftover in stayed:
            self._fates.setdefault(_line(leftover), _Fate()).stayed += 1
        return stayed

    def _lingered(self, leftover: Leftover) -> None:
        """Report a leftover that outlived its trial a little; not a descriptor: what closes it late is reported."""
        if not isinstance(leftover, LeftOpen):
            leftover.lingered_ns = leftover.lingered_ns or NOT_TIMED
            self._note(leftover.sighting())


def _line(leftover: Leftover) -> tuple[object, ...]:
    seen = leftover.seen
    return leftover.creation.stack[:4], seen.what if seen is not None else ""
