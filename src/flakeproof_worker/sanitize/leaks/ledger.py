"""Keep what each trial has made and may have left behind, in bounded memory."""

from collections import deque
from itertools import islice

from flakeproof_worker.sanitize.leaks.leftover import Leftover

STRAGGLERS = 1_000
"""How many leftovers of ended trials are remembered at most."""

_RECENT = 4_096
"""How many ended trials are remembered, so that what their remains create is recognised."""

_FIRST_CLEARING = 256
"""How many things of one trial are kept before those that are gone are cleared out for the first time."""


class _Made(dict[int, Leftover]):
    """What one trial has made."""

    __slots__ = ("clear_at",)

    def __init__(self) -> None:
        self.clear_at = _FIRST_CLEARING

    def clear_gone(self) -> None:
        for key, leftover in list(self.items()):
            if leftover.is_gone():
                self.pop(key, None)
        self.clear_at = max(_FIRST_CLEARING, 2 * len(self))


class Ledger:
    """Adds things from any thread and discards them from any finaliser: every step is one operation on a dict."""

    def __init__(self) -> None:
        self._trials: dict[int, _Made] = {}
        self._stragglers: dict[int, Leftover] = {}
        self._over: set[int] = set()
        self._order: deque[int] = deque()

    def add(self, leftover: Leftover) -> None:
        """Remember a thing; if its trial has ended already, it is a straggler at once."""
        trial = leftover.creation.doer[0]
        if trial in self._over:
            self._keep(leftover)
            return
        made = self._trials.get(trial)
        if made is None:
            made = self._trials.setdefault(trial, _Made())
        made[id(leftover)] = leftover
        if len(made) >= made.clear_at:
            made.clear_gone()

    def discard(self, leftover: Leftover) -> None:
        """Forget a thing that is gone."""
        made = self._trials.get(leftover.creation.doer[0])
        if made is not None:
            made.pop(id(leftover), None)
        if self._stragglers:
            self._stragglers.pop(id(leftover), None)

    def of(self, trial: int) -> list[Leftover]:
        """The things that the trial has made and that still exist, in the order of their creation."""
        made = self._trials.get(trial)
        return [leftover for leftover in list(made.values()) if leftover.look()] if made else []

    def forget(self, trial: int) -> None:
        """Forget the trial; things that still exist become stragglers."""
        if trial not in self._over:
            self._over.add(trial)
            self._order.append(trial)
            if len(self._order) > _RECENT:
                self._over.discard(self._order.popleft())
        made = self._trials.pop(trial, None)
        if made:
            for leftover in list(made.values()):
                if leftover.look():
                    self._keep(leftover)

    def stragglers(self) -> list[Leftover]:
        """The latest things of ended trials that still exist."""
        return [leftover for leftover in list(self._stragglers.values()) if leftover.look()]

    def clear(self) -> None:
        """Forget everything: in a fork none of the things exist."""
        self._trials.clear()
        self._stragglers.clear()
        self._over.clear()
        self._order.clear()

    def _keep(self, leftover: Leftover) -> None:
        stragglers = self._stragglers
        stragglers[id(leftover)] = leftover
        if len(stragglers) > STRAGGLERS:
            for key, known in list(stragglers.items()):
                if known.is_gone():
                    stragglers.pop(key, None)
            for key in list(islice(list(stragglers), max(0, len(stragglers) - STRAGGLERS))):
                stragglers.pop(key, None)
