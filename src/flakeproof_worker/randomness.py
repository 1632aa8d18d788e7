"""Seed the global `random` for each trial, without importing it into a process that does not use it."""

from collections import deque
from collections.abc import Callable
from types import ModuleType
from typing import Any

from flakeproof_worker.noticing import when_imported


class GlobalRandom:
    """Seeds `random` when it is there, and at its first import when a trial brings it in."""

    def __init__(self) -> None:
        self._latest: deque[int] = deque(maxlen=1)
        # Until `random` is there the seed is only kept, by a method that costs next to nothing.
        self.seed: Callable[[int], Any] = self._latest.append
        when_imported("random", self._found)

    def _found(self, module: ModuleType) -> None:
        self.seed = module.seed
        if self._latest:
            module.seed(self._latest[0])
