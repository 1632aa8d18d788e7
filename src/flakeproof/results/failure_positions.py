"""Sets of trial numbers; and where failures happened: in which process, and at which of the trials."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappush, heappushpop

from flakeproof.model import Failure, Outcome

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


PROCESSES_KEPT = 20_000
"""A process that is replaced is another process, so there may be many. The first ones stand for all."""
FAILURES_KEPT = 10_000
_FATAL = (Outcome.TIMED_OUT, Outcome.CRASHED)


@dataclass
class ProcessTally:
    """How the trials of one process ended."""

    passed: int = 0
    failed: int = 0
    """With an end of their own."""
    fatal: int = 0
    """Timed out and crashed: of these a process that trials share may have ended, too."""
    items: dict[str, int] = field(default_factory=dict)
    """Trials in which pytest items failed, by their ids."""

    @property
    def trials(self) -> int:
        """All of them."""
        return self.passed + self.failed + self.fatal


@dataclass
class Places:
    """Collects them; the order in which it is told makes no difference but beyond what is kept of processes."""

    processes: dict[int, ProcessTally] = field(default_factory=dict)
    complete: bool = True
    """Whether it is known of each trial where it was."""
    _numbers: list[int] = field(default_factory=list)
    """A heap of the negative numbers of failed trials, of which the lowest numbers are kept."""
    _is_cut: bool = False

    def passed(self, process: int, count: int) -> None:
        """Note trials that passed."""
        if count and (tally := self._of(process)) is not None:
            tally.passed += count

    def failed(self, failure: Failure, items: Iterable[str] = ()) -> None:
        """Note one that failed, and which items failed in it."""
        if (tally := self._of(failure.process)) is not None:
            if failure.outcome in _FATAL:
                tally.fatal += 1
            else:
                tally.failed += 1
            for item in items:
                tally.items[item] = tally.items.get(item, 0) + 1
        if len(self._numbers) < FAILURES_KEPT:
            heappush(self._numbers, -failure.trial)
        else:
            heappushpop(self._numbers, -failure.trial)
            self._is_cut = True

    @property
    def numbers(self) -> list[int]:
        """Of the failed trials, in order; the lowest ones if there are too many."""
        return sorted(-number for number in self._numbers)

    @property
    def horizon(self) -> int | None:
        """The last trial up to which every failure is among `numbers`; None for no end.

        Where the numbers are cut, the last of them is left out: that it failed is why the horizon is there.
        """
        return -self._numbers[0] - 1 if self._is_cut else None

    def _of(self, process: int) -> ProcessTally | None:
        if process not in self.processes and len(self.processes) >= PROCESSES_KEPT:
            return None
        return self.processes.setdefault(process, ProcessTally())
