"""A shop's stock, with a race: two sales at the same time may both see the last count."""

from pathlib import Path


class Stock:
    """Counts what is left."""

    def __init__(self, count: int, journal: Path) -> None:
        self.count = count
        self._journal = journal

    def sell(self, name: str) -> None:
        """Take one away, and write that down."""
        left = self.count
        with self._journal.open("a") as journal:
            journal.write(f"{name} bought one of {left}\n")
        self.count = left - 1
