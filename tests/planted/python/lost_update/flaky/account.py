"""An account whose every change is in a journal."""

from pathlib import Path


class Account:
    """A balance in cents."""

    def __init__(self, journal: Path) -> None:
        self.balance = 0
        self._journal = journal

    def deposit(self, amount: int) -> None:
        """Add `amount`, and write so."""
        balance = self.balance  # guilty
        with self._journal.open("a") as journal:
            journal.write(f"deposit {amount}\n")
        self.balance = balance + amount  # guilty
