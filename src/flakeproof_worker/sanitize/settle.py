"""Give what a trial has left behind a moment to end by itself: a server that was told to stop may be about to."""

from collections.abc import Iterable

from flakeproof_worker.sanitize.leaks.leftover import Leftover
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
