"""Which trials are not leased yet, and what became of the trials that were leased to a process."""

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flakeproof.events import AnyEvent

Block = tuple[int, int]
"""Trials with consecutive numbers: the number of the first, and how many."""


class Work(Protocol):
    """The trials of a run, and which process may have them when."""

    @property
    def left(self) -> int | None:
        """Number of trials that no process has; None if it has no limit."""

    @property
    def is_over(self) -> bool:
        """Whether no more trials will come, except for those that are put back."""

    def take(self, place: int, wanted: int) -> Block | None:
        """A block of at most `wanted` trials for the process at `place`; None if there are none now."""

    def put_back(self, place: int, blocks: list[Block]) -> None:
        """Return trials that the process at `place` had not started."""

    def ended(self, place: int, event: AnyEvent) -> None:
        """Take in how trials of the process at `place` have ended."""


@dataclass(frozen=True)
class Order:
    """Which items run in one trial, and what to find out meanwhile."""

    items: tuple[str, ...]
    """Ids of the items, in the order in which they run."""
    look: str = ""
    """The item before which the changes since the start of the trial are determined; "" for none."""
    restore: tuple[str, ...] = ()
    """Names of changes to undo at that point."""
    watch: str = ""
    """Name of a change whose line of code is searched for; "" for none."""
    private: bool = False
    """Whether the trial has a private view of the project's files, the home folder and /tmp."""


class Orders(Protocol):
    """Supplies an order for each trial."""

    def order_of(self, trial: int) -> Order:
        """The order for `trial`."""

    def found(self, trial: int, found: dict[str, Any]) -> None:
        """Take in what was found out in `trial`, before its end is reported."""


class Pool:
    """Trials that no process has. Numbers that are put back are leased again before new ones."""

    def __init__(
        self, first: int, count: int | None, chosen: Sequence[int] = (), missing: Iterable[Block] | None = None
    ) -> None:
        """`count` trials from the number `first` on (None: no limit), or the `chosen` ones, if there are any.

        `missing` trials of a resumed run come first; without a `count`, trials from `first` on follow them.
        """
        self._next = first
        self._left = 0 if chosen or (missing is not None and count is not None) else count
        self._returned: deque[Block] = deque(((trial, 1) for trial in chosen) if missing is None else missing)

    @property
    def left(self) -> int | None:
        """Number of trials in the pool; None if it has no limit."""
        return None if self._left is None else self._left + sum(count for _, count in self._returned)

    is_over = True
    """An empty pool does not fill by itself."""

    def take(self, place: int, wanted: int) -> Block | None:
        """A block of at most `wanted` trials (at least 1), the same for every place; None when the pool is empty."""
        if self._returned:
            first, count = self._returned.popleft()
            if count > wanted:
                self._returned.appendleft((first + wanted, count - wanted))
            return first, min(count, wanted)
        size = wanted if self._left is None else min(wanted, self._left)
        if size <= 0:
            return None
        first = self._next
        self._next += size
        if self._left is not None:
            self._left -= size
        return first, size

    def put_back(self, place: int, blocks: list[Block]) -> None:
        """Return trials that were not started."""
        self._returned.extend(blocks)

    def ended(self, place: int, event: AnyEvent) -> None:
        """The pool does not depend on outcomes."""


class Account:
    """The trials that were leased to one process; its size does not grow with their number."""

    def __init__(self, lanes: int) -> None:
        self._given: deque[Block] = deque()
        self._open: list[Block] = []
        """Leased trials whose outcome has not been reported."""
        self._settled = 0
        self._ended: deque[Block] = deque(maxlen=2 * lanes)
        """The latest leases that are used up."""
        self.given = 0
        """Number of trials leased in all."""
        self._lowest, self._highest = 1 << 63, -1
        self.reported = 0
        """Number of trials whose outcome has arrived, passed ones included."""
        # A trial may stay on the board for a moment after its report; only the latest trials of a lane can.
        self._latest: deque[int] = deque(maxlen=_LATEST_PER_LANE * lanes)

    def give(self, block: Block) -> None:
        """Note a lease."""
        self._given.append(block)
        self._open.append(block)
        first, count = block
        self.given += count
        self._lowest, self._highest = min(self._lowest, first), max(self._highest, first + count - 1)

    def can_have(self, trials: Iterable[int]) -> bool:
        """Whether trials with these numbers can have been leased."""
        return all(self._lowest <= trial <= self._highest for trial in trials)

    def without_outcome(self) -> list[int]:
        """As many trial numbers as there are trials whose outcome has not arrived.

        A batch may not say which trials it covers; so the latest numbers stand for those without an outcome.
        """
        missing = max(0, self.given - self.reported)
        numbers: list[int] = []
        # Trials of used-up leases may still run, at most one in each lane.
        for first, count in (*reversed(self._given), *reversed(self._ended)):
            for trial in reversed(range(first, first + count)):
                if len(numbers) < missing and not self.has_ended(trial):
                    numbers.append(trial)
        return numbers

    @property
    def leases(self) -> int:
        """Number of leases that are not used up, according to the process's reports."""
        return len(self._given)

    @property
    def next(self) -> int | None:
        """The first leased trial whose outcome is not known; None if there is none."""
        return self._open[0][0] if self._open else None

    def exhausted(self, leases: int) -> None:
        """Note that the oldest `leases` blocks are used up."""
        for _ in range(leases):
            block = self._given.popleft()
            self._settled += block[1]
            self._ended.append(block)

    def passed(self, count: int, trials: Sequence[Block] = (), in_flight: Collection[int] = ()) -> list[Block]:
        """Note that `count` trials have passed; return which.

        They are `trials` or, if that is empty, the first leased ones without an outcome that are not `in_flight`.
        """
        self.reported += count
        found = list(trials)
        left = 0 if found else count
        for first, size in self._open:
            for start, length in _without(first, size, set(in_flight)) if left else ():
                if left:
                    found.append((start, min(length, left)))
                    left -= found[-1][1]
        for block in found:
            self._close(*block)
        return found

    def _close(self, first: int, count: int) -> None:
        """Note that the outcome of these trials is known. The search begins at the latest, where it is short."""
        end = first + count
        for index in range(len(self._open) - 1, -1, -1):
            start, size = self._open[index]
            if start < end and first < start + size:
                parts = ((start, first - start), (end, start + size - end))
                self._open[index : index + 1] = [part for part in parts if part[1] > 0]
                if start <= first and end <= start + size:
                    return

    def ended(self, trial: int) -> None:
        """Note that the outcome of `trial` has been reported individually."""
        self.reported += 1
        self._close(trial, 1)
        self._latest.append(trial)

    def has_ended(self, trial: int) -> bool:
        """Whether `trial`, which is on the board, has been reported already."""
        return trial in self._latest

    def at_death(self, taken: int, in_flight: set[int]) -> "Remains":
        """What a dead process leaves behind that had taken `taken` trials in all and had `in_flight` on its board."""
        lost_sight = {trial for trial in in_flight if not self.has_ended(trial)}
        unstarted: list[Block] = []
        position = self._settled
        for first, count in self._given:
            started = min(max(taken - position, 0), count)
            unstarted.extend(_without(first + started, count - started, in_flight))
            position += count
        # A lane notes its trial on the board just before it counts the trial as taken.
        beyond = sum(1 for trial in in_flight if self._index(trial) >= taken)
        passed = taken + beyond - self.reported - len(lost_sight)
        return Remains(in_flight=sorted(lost_sight), unstarted=unstarted, passed=max(0, passed))

    def _index(self, trial: int) -> int:
        position = self._settled
        for first, count in self._given:
            if first <= trial < first + count:
                return position + trial - first
            position += count
        return -1


_LATEST_PER_LANE = 64


def _without(first: int, count: int, holes: set[int]) -> list[Block]:
    """The block without the trials in `holes`."""
    blocks: list[Block] = []
    start = first
    for hole in sorted(hole for hole in holes if first <= hole < first + count):
        if hole > start:
            blocks.append((start, hole - start))
        start = hole + 1
    if start < first + count:
        blocks.append((start, first + count - start))
    return blocks


@dataclass(frozen=True)
class Remains:
    """The trials of a dead process whose outcome was not reported."""

    in_flight: list[int]
    """Trials that were running and have no outcome."""
    unstarted: list[Block]
    passed: int
    """Number of trials that had passed and whose batch was not sent."""
