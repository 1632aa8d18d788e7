"""The trials that the coordinator has given to this process, taken one by one."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from flakeproof_worker.reporter import Channel, Message
from flakeproof_worker.shared import board
from flakeproof_worker.shared.seeds import seeds_of


class Leases:
    """A queue of blocks of trials; also remembers what else the coordinator said.

    A trial is (number, seed). `expired` collects trials whose time is over, for lanes that can end them.
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
        """The trial in which is looked for what copies of it would collide over (`footprint`); 0 for none."""
        self.private_network = private_network
        """Whether a trial that begins now has a network of its own."""
        self.exhausted = 0
        """Leases taken to their end since the last look."""
        self.expired: list[int] = []
        self.left_out: set[str] = set()
        """Items that are not to run any more."""
        self.orders: dict[int, dict[str, Any]] = {}
        """Trials for which the coordinator has chosen what runs in them (`pytest_driver.order`)."""

    def no_more(self) -> bool:
        """Whether no trial will ever come: told to stop, told that all is given out, or the coordinator is gone."""
        return bool(self._words[board.STOP]) or (
            not self._blocks and not self._has_current and (self._finished or self._channel.at_end)
        )

    def hear(self, messages: list[Message]) -> None:
        """Take in what the coordinator said."""
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
        """The number of the first trial of the next whole block and the seeds of its trials, if one is there."""
        if self._words[board.STOP] or not self._blocks:
            return None
        first, count = self._blocks.popleft()
        return first, seeds_of(self._run_seed, first, count)

    def take(self) -> tuple[int, int] | None:
        """The next trial, if one is there; the caller puts it on the board."""
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
