"""Sets of trial numbers as runs of consecutive ones: small however many trials there are, where nearly all have run."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

Block = tuple[int, int]
"""A run of trials: number of the first, and how many."""


class Ranges:
    """A set of numbers."""

    def __init__(self, blocks: Iterable[Block] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        """One beyond the last of each."""
        for first, count in blocks:
            self.add(first, count)

    def __len__(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number < self._ends[at]

    def add(self, first: int, count: int = 1) -> None:
        """Add `count` numbers from `first` on."""
        start, end = first, first + count
        low, high = bisect_left(self._ends, start), bisect_right(self._starts, end)
        if low < high:
            start, end = min(start, self._starts[low]), max(end, self._ends[high - 1])
        self._starts[low:high], self._ends[low:high] = [start], [end]

    def blocks(self) -> Iterator[Block]:
        """In order."""
        return ((start, end - start) for start, end in zip(self._starts, self._ends, strict=True))

    def missing(self, first: int, end: int) -> Iterator[Block]:
        """What is not in it of the numbers from `first` to below `end`."""
        for start, count in self.blocks():
            if start > first and first < end:
                yield first, min(start, end) - first
            first = max(first, start + count)
        if first < end:
            yield first, end - first

    @property
    def end(self) -> int:
        """One beyond the highest; 0 for none."""
        return self._ends[-1] if self._ends else 0
