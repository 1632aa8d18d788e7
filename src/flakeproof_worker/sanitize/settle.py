"""What a trial leaves behind gets a moment to end by itself; whether things like it did so before decides how long."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flakeproof_worker.sanitize.descriptors.owners import Owner
from flakeproof_worker.sanitize.descriptors.table import OwnerTable
from flakeproof_worker.sanitize.leaks.leftover import NOT_TIMED, Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import Sighting, places, user_place
from flakeproof_worker.shared.private import time

LIMIT_NS = 100_000_000
"""How long things may take to end, at most, in nanoseconds."""

_FIRST_WAIT = 0.000_05
_LONGEST_WAIT = 0.01
"""Both in seconds."""


class _Ending:
    """Looks again and again, ever more seldom, with the last look at the limit."""

    def __init__(self, leftovers: Iterable[Leftover], limit_ns: int) -> None:
        self.there = list(leftovers)
        self.gone: list[Leftover] = []
        self._start = time.perf_counter_ns()
        self._limit_ns = limit_ns
        self._wait = _FIRST_WAIT
        self._last = False

    def next_wait(self) -> float | None:
        """Look; return the seconds until the next look, None if there is none."""
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
    """Wait until all have gone, `limit_ns` at most; return those that have, and those that are still there.

    The former say of themselves how long they lingered: an upper bound in nanoseconds, as it is seen from here.
    """
    ending = _Ending(leftovers, limit_ns)
    while (wait := ending.next_wait()) is not None:
        time.sleep(wait)
    return ending.gone, ending.there


async def settle_async(
    leftovers: Iterable[Leftover], limit_ns: int = LIMIT_NS
) -> tuple[list[Leftover], list[Leftover]]:
    """The same in an event loop, whose tasks run on meanwhile."""
    import asyncio  # which is there already where anybody calls this

    ending = _Ending(leftovers, limit_ns)
    while (wait := ending.next_wait()) is not None:
        await asyncio.sleep(wait)
    return ending.gone, ending.there


class LeftOpen(Leftover):
    """A descriptor that nobody has closed."""

    __slots__ = ("_owner", "_table", "creation", "lingered_ns", "seen")

    def __init__(self, table: OwnerTable, owner: Owner) -> None:
        self._table = table
        self._owner = owner
        self.creation = Creation(owner.who, owner.made)
        self.lingered_ns = 0
        self.seen: Description | None = None

    def is_gone(self) -> bool:
        """Whether it has been closed meanwhile."""
        return not self._table.has(self._owner)

    def describe(self) -> Description:
        """What it is."""
        owner = self._owner
        noun = "listener" if owner.listens() else owner.kind
        made = user_place(places(owner.made))
        what = f"{noun} opened in {made.function}" if made is not None else f"{noun} "
        return Description(noun, what, f"descriptor {owner.number} ({owner.described()})", "left open")


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
