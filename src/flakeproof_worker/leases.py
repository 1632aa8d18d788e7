"""The trials that the coordinator has leased to this process, taken one by one."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from flakeproof_worker.reporter import Channel, Message
from flakeproof_worker.shared import board
from flakeproof_worker.shared.seeds import seeds_of


class Leases:
    """A queue of blocks of trials; it also keeps the coordinator's other messages.

    A trial is (number, seed). `expired` collects trials that exceeded their time limit, for lanes that can end them.
    """

    def __init__(self, channel: Channel, words: memoryview, run_seed: int, *, private_network: bool = False) -> None:
        self._channel = channel
        self._words = words
        self._run_seed = run_seed
        self._blocks: deque[tuple[int, int]] = deque()
        self._current: Iterator[tuple[int, int]] = iter(())
        self._has_current = False
        self._finished = False
        self.scout = 0
        """The trial whose `footprint` is observed: what copies of it would collide over; 0 for none."""
        self.private_network = private_network
        """Whether a trial that begins now has a network of its own."""
        self.exhausted = 0
        """Leases used up since the last report."""
        self.expired: list[int] = []
        self.left_out: set[str] = set()
        """Items that no longer run."""
        self.orders: dict[int, dict[str, Any]] = {}
        """Trials for which the coordinator has chosen what runs in them (`pytest_driver.order`)."""

    def no_more(self) -> bool:
        """Whether no trial will ever come: the run stops, every trial is leased, or the coordinator is gone."""
        return bool(self._words[board.STOP]) or (
            not self._blocks and not self._has_current and (self._finished or self._channel.at_end)
        )

    def hear(self, messages: list[Message]) -> None:
        """Take in the coordinator's messages."""
        for message in messages:
            match message["type"]:
                case "lease":
                    self._blocks.append((message["first"], message["count"]))
                    self.scout = message["first"] if message.get("scout") else self.scout
                    self.orders.update(enumerate(message.get("orders", ()), message["first"]))
                case "expire":
                    self.expired.append(message["trial"])
                case "private-network":
                    self.private_network = message["on"]
                case "leave-out":
                    self.left_out.update(message["items"])
                case "finish":
                    self._finished = True

    def next_block(self) -> tuple[int, list[int]] | None:
        """The next whole block, if one is waiting: the number of its first trial, and the seeds of its trials."""
        if self._words[board.STOP] or not self._blocks:
            return None
        first, count = self._blocks.popleft()
        return first, seeds_of(self._run_seed, first, count)

    def take(self) -> tuple[int, int] | None:
        """The next trial, if one is waiting; the caller notes it on the board."""
        while not self._words[board.STOP]:
            if self._has_current:
                if (trial := next(self._current, None)) is not None:
                    return trial
                self._has_current = False
                self.exhausted += 1
            if (block := self.next_block()) is None:
                return None
            first, seeds = block
            self._current = enumerate(seeds, first)
            self._has_current = True
        return None
