"""Two threads pay into one account; between reading the balance and writing it the other one may have written, too."""

import threading


class Account:
    """As it is often written first."""

    def __init__(self) -> None:
        self.balance = 0
        self.lock = threading.Lock()
        self.journal: list[str] = []

    def deposit(self, amount: int) -> None:
        """Not safe."""
        before = self.balance
        after = before + amount
        self.balance = after  # RACE
        self.note(f"deposit {amount}")

    def deposit_locked(self, amount: int) -> None:
        """Safe."""
        with self.lock:
            before = self.balance
            after = before + amount
            self.balance = after
        self.note(f"deposit {amount}")

    def add(self, amount: int) -> None:
        """Not safe either, though it is but one line."""
        self.balance += amount  # RACE OF ONE LINE
        self.note(f"added {amount}")

    def note(self, text: str) -> None:
        """Write something down."""
        line = text.capitalize()
        if line:
            self.journal.append(line)


def racy() -> None:
    """Fails when one payment gets lost."""
    _check(Account(), "deposit")


def racy_line() -> None:
    """The same in a single line."""
    _check(Account(), "add")


def fixed() -> None:
    """Never fails."""
    _check(Account(), "deposit_locked")


def _check(account: Account, how: str) -> None:
    pay = getattr(account, how)
    payers = [threading.Thread(target=pay, args=(10,)) for _ in range(2)]
    for payer in payers:
        payer.start()
    for payer in payers:
        payer.join()
    total = account.balance
    assert total == 20, f"a payment got lost: {total}"
