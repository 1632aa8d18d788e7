"""Which trials have not been started yet, and what became of the ones that a process was given."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from flakeproof.events import AnyEvent

Block = tuple[int, int]
"""A run of trials: number of the first, and how many."""


class Work(Protocol):
    """The trials that a run consists of, and who may have them when."""

    @property
    def left(self) -> int | None:
        """Trials that no process has; None if there is no end to them."""

    @property
    def is_over(self) -> bool:
        """Whether no more will come, but for those that are put back."""

    def take(self, place: int, wanted: int) -> Block | None:
        """A block of at most `wanted` trials for the process at `place`; None if there is none now."""

    def put_back(self, place: int, blocks: list[Block]) -> None:
        """Return trials that the process at `place` had not started."""

    def ended(self, place: int, event: AnyEvent) -> None:
        """Hear how trials of the process at `place` have ended."""


@dataclass(frozen=True)
class Order:
    """What runs in one trial of tests, and what is to be found out meanwhile."""

    items: tuple[str, ...]
    """Ids of the items, as they follow each other."""
    look: str = ""
    """The item before which is looked for what has changed since the start of the trial; "" for none."""
    restore: tuple[str, ...] = ()
    """Names of changes that are put back then."""
    watch: str = ""
    """Name of a change whose line of code is searched for; "" for none."""


class Orders(Protocol):
    """Has an order for each trial."""

    def order_of(self, trial: int) -> Order:
        """What runs in `trial`."""

    def found(self, trial: int, found: dict[str, Any]) -> None:
        """Hear what was found out in `trial`, before its end is told."""


class Pool:
    """Trials that no process has. Numbers that come back go out again before new ones."""

    def __init__(self, first: int, count: int | None, chosen: Sequence[int] = ()) -> None:
        """`count` trials from the number `first` on, or those that are `chosen`, where there are any."""
        self._next = first
        self._left = 0 if chosen else count
        self._returned: deque[Block] = deque((trial, 1) for trial in chosen)

    @property
    def left(self) -> int | None:
        """Trials in the pool; None when it never runs dry."""
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
        """Nothing depends on it."""


class Account:
    """The trials that one process was given, from first to last; its size does not grow with their number."""

    def __init__(self, lanes: int) -> None:
        self._given: deque[Block] = deque()
        self._settled = 0
        self.given = 0
        """Trials that it was given."""
        self.reported = 0
        """Trials whose outcome has arrived, passed ones included."""
        # A trial stays on the board for a moment after its report. Only the latest of each lane can.
        self._latest: deque[int] = deque(maxlen=_LATEST_PER_LANE * lanes)

    def give(self, block: Block) -> None:
        """Note a lease."""
        self._given.append(block)
        self.given += block[1]

    @property
    def leases(self) -> int:
        """Leases that have not been taken to their end, as far as the process has told."""
        return len(self._given)

    def exhausted(self, leases: int) -> None:
        """Note that the oldest `leases` blocks have been taken to their end."""
        for _ in range(leases):
            self._settled += self._given.popleft()[1]

    def passed(self, count: int) -> None:
        """Note that `count` trials have passed."""
        self.reported += count

    def ended(self, trial: int) -> None:
        """Note that the outcome of `trial` has been reported by itself."""
        self.reported += 1
        self._latest.append(trial)

    def has_ended(self, trial: int) -> bool:
        """Whether `trial`, which is on the board, has been reported already."""
        return trial in self._latest

    def at_death(self, taken: int, in_flight: set[int]) -> "Remains":
        """What a process leaves behind that has taken `taken` trials in all and had `in_flight` in hand."""
        lost_sight = {trial for trial in in_flight if not self.has_ended(trial)}
        unstarted: list[Block] = []
        position = self._settled
        for first, count in self._given:
            started = min(max(taken - position, 0), count)
            unstarted.extend(_without(first + started, count - started, in_flight))
            position += count
        # A lane writes its trial on the board just before it counts it as taken.
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
    """What a process has left behind."""

    in_flight: list[int]
    """Trials that were running and have no outcome."""
    unstarted: list[Block]
    passed: int
    """Trials that had passed and whose batch was not sent any more."""
