"""Deadlines on an event loop: one timer for all that share a length, not one each.

What expires the same number of seconds after it was added expires in the order in which it was added. So a
single timer, set for the oldest, is enough, and an entry costs no more than a place in a dictionary.
"""

from __future__ import annotations

import asyncio
from typing import Final, Protocol
from weakref import WeakKeyDictionary

__all__ = ["Deadlines", "Expirable"]


class Expirable(Protocol):
    """Something with a deadline."""

    def expire(self) -> None:
        """The deadline has passed."""


class Deadlines:
    """Entries of one event loop that expire ``seconds`` after they were added."""

    __slots__ = ("_entries", "_seconds", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Expirable, float] = {}  # when each expires on the loop's clock, oldest first
        self._timer: asyncio.TimerHandle | None = None

    @staticmethod
    def of(loop: asyncio.AbstractEventLoop, seconds: float) -> Deadlines:
        """The deadlines of this length on this loop, shared by all who ask for them."""
        lengths = _OF_LOOPS.get(loop)
        if lengths is None:
            lengths = _OF_LOOPS[loop] = {}
        deadlines = lengths.get(seconds)
        if deadlines is None:
            deadlines = lengths[seconds] = Deadlines(seconds)
        return deadlines

    def add(self, entry: Expirable, loop: asyncio.AbstractEventLoop) -> None:
        """Give ``entry`` the deadline, from now on."""
        self._entries[entry] = when = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(when, self._expire, loop)

    def discard(self, entry: Expirable) -> None:
        """Take the deadline off ``entry``, if it is still there."""
        self._entries.pop(entry, None)
        if not self._entries and self._timer is not None:
            # Nothing is left behind in the loop, not even a timer for nobody.
            self._timer.cancel()
            self._timer = None

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._entries:
            entry, when = next(iter(self._entries.items()))
            if when > now:
                self._timer = loop.call_at(when, self._expire, loop)
                return
            del self._entries[entry]
            entry.expire()


# Weak, so that a loop's deadlines go with it; for the same reason they do not refer to their loop.
_OF_LOOPS: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, Deadlines]]] = WeakKeyDictionary()
