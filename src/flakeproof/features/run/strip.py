"""Failures along a run, and how its interval narrows, as two lines of blocks for a terminal."""

from collections.abc import Iterator

from flakeproof.stats.intervals import Interval, robbins
from flakeproof.text import lower, plural, upper

_BLOCKS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_MOST = 120
"""Parts that are kept; two become one when there are more."""
_LABEL = 10
LEAST = 20
"""Trials from which on a strip tells something."""


class Strip:
    """The counts of a run at the ends of equal parts of its trials."""

    def __init__(self) -> None:
        self._size = 1
        """Trials of each part."""
        self._ends: list[tuple[int, int]] = []
        """How many trials had ended, and how many of them failed, when each part was over."""
        self._now = (0, 0)

    def add(self, completed: int, failed: int) -> None:
        """So many trials of the run have ended now, and so many of them failed."""
        self._now = completed, min(failed, completed)
        while (len(self._ends) + 1) * self._size <= completed:
            self._ends.append(self._now)
            if len(self._ends) == _MOST:
                self._ends = self._ends[1::2]
                self._size *= 2

    def lines(self, width: int, unit: str = "test", units: str = "tests") -> Iterator[str]:
        """Two lines of at most `width` characters; none where there is too little to tell, or no room."""
        completed, failed = self._now
        room = width - _LABEL - len(f"  {_said(robbins(failed, max(1, completed)))}")
        if completed < LEAST or not failed or room < LEAST:
            return
        joined = -(-len(self._ends) // room)
        ends = self._ends[joined - 1 :: joined]
        said = f"  each {plural(joined * self._size, unit, units)}"
        before = [0, *(failed for _, failed in ends)]
        seen = [end - start for start, (_, end) in zip(before, ends, strict=False)]
        yield f"{'failures':<{_LABEL}}{''.join(_block(one, max(seen)) for one in seen)}{said}"[:width]
        intervals = [robbins(failed, completed) for completed, failed in ends]
        blocks = "".join(_block(one.high - one.low, 1.0) for one in intervals)
        yield f"{'interval':<{_LABEL}}{blocks}  {_said(intervals[-1])}"


def _block(value: float, most: float) -> str:
    if not value or not most:
        return _NONE
    return _BLOCKS[min(len(_BLOCKS) - 1, int(value / most * len(_BLOCKS)))]


def _said(interval: Interval) -> str:
    return f"{lower(interval.low)} to {upper(interval.high)}"
