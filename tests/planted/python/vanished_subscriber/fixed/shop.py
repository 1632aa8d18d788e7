"""A shop whose till tells others of what it has sold."""

import queue
import weakref
from collections.abc import Callable

Sale = tuple[str, int]


class Till:
    """Tells of each sale. Who listens is not kept alive by that."""

    def __init__(self) -> None:
        self._listeners: weakref.WeakSet[Ledger] = weakref.WeakSet()

    def tell(self, listener: "Ledger") -> None:
        """Tell it, as long as there is one."""
        self._listeners.add(listener)

    def sell(self, sale: Sale) -> None:
        """Sell something."""
        for listener in self._listeners:
            listener.handlers["sold"](sale)


class Ledger:
    """Writes down what was sold."""

    def __init__(self, entries: list[Sale]) -> None:
        self._entries = entries
        self.handlers: dict[str, Callable[[Sale], None]] = {"sold": self._sold}

    def _sold(self, sale: Sale) -> None:
        self._entries.append(sale)


class Shop:
    """A shop with a till, and a ledger that it fills."""

    def __init__(self) -> None:
        self.till = Till()
        self.entries: list[Sale] = []
        self._ledger = Ledger(self.entries)
        self.till.tell(self._ledger)

    def serve(self, wishes: "queue.Queue[str | None]") -> None:
        """Sell what is wished for, until None is."""
        number = 0
        while (wish := wishes.get()) is not None:
            number += 1
            self.till.sell((wish, number))
