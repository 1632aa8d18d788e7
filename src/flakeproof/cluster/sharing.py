"""Which trials each node of a cluster has, and how many it gets."""

from collections.abc import Iterable

from flakeproof.engine.leases import Block, Pool


class Outstanding:
    """The trials of one node that have no outcome yet; its size depends on how scattered they are, not on how many."""

    def __init__(self) -> None:
        self._blocks: list[Block] = []

    def add(self, block: Block) -> None:
        """The node has these trials, too."""
        self._blocks.append(block)

    def close(self, first: int, count: int) -> int:
        """The outcome of these trials is known; return how many of them the node had."""
        end, closed = first + count, 0
        kept: list[Block] = []
        for start, size in self._blocks:
            low, high = max(first, start), min(end, start + size)
            if low >= high:
                kept.append((start, size))
                continue
            closed += high - low
            kept += [(a, b - a) for a, b in ((start, low), (high, start + size)) if b > a]
        self._blocks = kept
        return closed

    def take_all(self) -> list[Block]:
        """Take away what is left."""
        blocks, self._blocks = self._blocks, []
        return blocks

    def __len__(self) -> int:
        return sum(count for _, count in self._blocks)


class Shares:
    """Shares the trials of a run out over nodes: each number is with one node at most, until its outcome is known."""

    def __init__(self, pool: Pool) -> None:
        """`pool` has all trials of the run."""
        self._pool = pool
        self._with: dict[int, Outstanding] = {}

    def joined(self, node: int) -> None:
        """A node can have trials from now on."""
        self._with[node] = Outstanding()

    @property
    def all_known(self) -> bool:
        """Whether each trial of the run has an outcome."""
        return self._pool.left == 0 and not any(len(trials) for trials in self._with.values())

    def give(self, node: int, wanted: int) -> list[Block]:
        """Up to `wanted` trials for a node; towards the end fewer, so that none waits while others have nothing."""
        left = self._pool.left
        size = wanted if left is None else min(wanted, max(1, left // (2 * len(self._with))))
        given: list[Block] = []
        while size > 0 and (block := self._pool.take(node, size)) is not None:
            given.append(block)
            self._with[node].add(block)
            size -= block[1]
        return given

    def ended(self, node: int, trials: Iterable[Block]) -> int:
        """Trials of a node have an outcome; return how many of them it had."""
        return sum(self._with[node].close(first, count) for first, count in trials)

    def left(self, node: int, in_flight: Iterable[int] = ()) -> tuple[list[int], int]:
        """A node is gone: what it had is for others, except for the trials that it was running.

        Returns those, and how many there are for others.
        """
        outstanding = self._with.pop(node, None)
        if outstanding is None:
            return [], 0
        lost = [trial for trial in in_flight if outstanding.close(trial, 1)]
        returned = outstanding.take_all()
        self._pool.put_back(node, returned)
        return lost, sum(count for _, count in returned)

    def one_left(self) -> int | None:
        """Take a trial that nobody will run; None if there is none."""
        block = self._pool.take(0, 1)
        return None if block is None else block[0]
