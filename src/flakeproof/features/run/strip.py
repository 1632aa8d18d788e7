"""Failures along a run, and how its interval narrows, as two lines of blocks for a terminal."""

from collections.abc import Iterator, Sequence

from flakeproof.stats.intervals import robbins
from flakeproof.text import plural, share

_BLOCKS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_MOST = 120
"""Parts that are kept; two become one when there are more."""
_LABEL = 10
_ROOM_TO_SAY = len("  100.0% to 0.00001% wide")
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
        """Two lines of at most `width` characters; none where there is too little to tell, or no room.

        What the blocks mean is said beside them where there is room for both.
        """
        completed, failed = self._now
        is_said = width - _LABEL - _ROOM_TO_SAY >= LEAST
        room = width - _LABEL - (_ROOM_TO_SAY if is_said else 0)
        if completed < LEAST or not failed or room < LEAST:
            return
        joined = -(-len(self._ends) // room)
        ends = self._ends[joined - 1 :: joined]
        before = [0, *(failed for _, failed in ends)]
        seen = [end - start for start, (_, end) in zip(before, ends, strict=False)]
        intervals = [robbins(failed, completed) for completed, failed in ends]
        widths = [one.high - one.low for one in intervals]
        each, widest = f"  each {plural(joined * self._size, unit, units)}", f"  {_percent(max(widths))}"
        yield f"{'failures':<{_LABEL}}{_blocks(seen)}{each if is_said else ''}"[:width]
        yield f"{'interval':<{_LABEL}}{_blocks(widths)}{f'{widest} to {_percent(widths[-1])} wide' if is_said else ''}"


def _blocks(values: Sequence[float]) -> str:
    most = max(values)
    return "".join(_BLOCKS[min(len(_BLOCKS) - 1, int(one / most * len(_BLOCKS)))] if one else _NONE for one in values)


def _percent(width: float) -> str:
    return share(width, 1, exact_one=width == 1)
