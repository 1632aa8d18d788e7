"""Collect garbage often, and at the end of each trial: what a finaliser does happens at another moment, and soon."""

import gc
from threading import Lock

from flakeproof_worker.shared import draws


class Garbage:
    """Collects the youngest objects every so many allocations; how many is drawn for each trial."""

    def __init__(self, allocations: int) -> None:
        """`allocations` is the average."""
        self._allocations = allocations
        self._lock = Lock()
        self._running = 0
        self._before = gc.get_threshold()

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        threshold = draws.generator(seed, "gc").randint(1, 2 * self._allocations - 1)
        with self._lock:
            if not self._running:
                self._before = gc.get_threshold()
            self._running += 1
            gc.set_threshold(threshold, *self._before[1:])

    def end(self, trial: int) -> None:
        """It has ended: what it has left is collected while that is still its own doing."""
        gc.collect()
        with self._lock:
            self._running -= 1
            if not self._running:
                gc.set_threshold(*self._before)
