"""The trials of a run that one node has, as the node's dispatcher sees them; and what it tells of them."""

from collections import deque

from flakeproof.clock import monotonic_ns
from flakeproof.engine.leases import Block
from flakeproof.events import AnyEvent
from flakeproof.model import Finding

_RESERVE_SECONDS = 0.5
"""A node has at most so many trials in reserve as it starts in this time; fewer, if it never runs out of them."""
_LEAST_INTERVAL = 0.05
"""Seconds over which the speed of a node is measured at least."""


class NodeWork:
    """Trials that the coordinator has given to this node and that no process has (`engine.leases.Work`)."""

    def __init__(self) -> None:
        self._waiting: deque[Block] = deque()
        self.is_over = False
        """Whether no more trials will come."""
        self.is_hungry = False
        """Whether a process could take trials and there are none."""
        self._hunger = 0
        self._taken = 0
        self._since_ns = monotonic_ns()
        self._reserve = 0
        """How many trials should wait here, because the coordinator takes a moment to give more."""
        self._has_starved = False

    @property
    def left(self) -> int | None:
        """How many trials no process has; None while more may come."""
        return sum(count for _, count in self._waiting) if self.is_over else None

    def take(self, place: int, wanted: int) -> Block | None:
        """At most `wanted` trials (at least 1), the same for every place; None if there are none now."""
        if not self._waiting:
            if not self.is_over:
                self._hunger += wanted
                self.is_hungry = self._has_starved = True
            return None
        first, count = self._waiting.popleft()
        if count > wanted:
            self._waiting.appendleft((first + wanted, count - wanted))
            count = wanted
        self._taken += count
        return first, count

    def put_back(self, place: int, blocks: list[Block]) -> None:
        """Return trials that were not started."""
        self._waiting.extendleft(reversed(blocks))

    def ended(self, place: int, event: AnyEvent) -> None:
        """What a node gets does not depend on outcomes here."""

    def give(self, blocks: list[Block]) -> None:
        """The coordinator has given these."""
        self._waiting.extend(blocks)
        self._hunger = 0
        self.is_hungry = False

    def wants(self) -> int:
        """How many trials the node can use beyond those that it has."""
        now = monotonic_ns()
        if (seconds := (now - self._since_ns) / 1e9) >= _LEAST_INTERVAL:
            if self._has_starved:
                self._reserve = max(2 * self._reserve, self._hunger)
            else:  # then nothing but the tests has limited the speed
                self._reserve = min(self._reserve, int(self._taken / seconds * _RESERVE_SECONDS))
            self._since_ns, self._taken, self._has_starved = now, 0, False
        return max(0, max(self._hunger, self._reserve) - sum(count for _, count in self._waiting))


class SettledEvents:
    """Collects which events are settled, for the inquiry that the coordinator makes (`engine.run_end.Inquiry`)."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        """Of events that are not settled, by their identity."""
        self._held: list[AnyEvent] = []
        """Keeps those alive, so that an identity is not used again."""
        self._added: list[int] = []
        self._settled: list[int] = []
        self.further_processes = 0
        """How many more processes the run's question needs of this node, as the coordinator has told."""

    def told(self, number: int, event: AnyEvent) -> None:
        """Note the number under which `event` is told."""
        self._numbers[id(event)] = number
        self._held.append(event)

    def add(self, event: AnyEvent) -> None:
        """Take in how trials ended; all that have ended in a process so far are known once `answer` is called."""
        number = self._numbers.pop(id(event), None)
        if number is not None:
            self._added.append(number)

    def answer(self) -> Finding | None:
        """The coordinator knows the answer; this node does not."""
        self._settled += self._added
        self._added = []
        if not self._numbers:
            self._held.clear()
        return None

    def take(self) -> list[int]:
        """Numbers of the events that have been settled since the last call."""
        settled, self._settled = self._settled, []
        return settled
