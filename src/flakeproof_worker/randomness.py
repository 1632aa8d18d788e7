"""Seed the global `random` for each trial, without importing it into a process that does not use it."""

import importlib.machinery
import importlib.util
import sys
from collections import deque
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any


class GlobalRandom:
    """Seeds `random` when it is there, and at its first import when a trial brings it in."""

    def __init__(self) -> None:
        self._latest: deque[int] = deque(maxlen=1)
        # Until `random` is there the seed is only kept, by a method that costs next to nothing.
        self.seed: Callable[[int], None] = self._latest.append
        if "random" in sys.modules:
            self._found(sys.modules["random"])
        else:
            sys.meta_path.insert(0, _Notice(self._found))

    def _found(self, module: ModuleType) -> None:
        self.seed = module.seed
        if self._latest:
            module.seed(self._latest[0])


class _Notice:
    """A finder that tells when `random` has been imported.

    It does not derive from importlib.abc, which itself imports `random` on Python 3.11.
    """

    def __init__(self, found: Callable[[ModuleType], None]) -> None:
        self._found = found

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "random":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            spec.loader = _NoticingLoader(spec.loader, self._found)  # type: ignore[assignment]  # duck-typed, as above
        return spec


class _NoticingLoader:
    def __init__(self, real: Any, found: Callable[[ModuleType], None]) -> None:
        self._real = real
        self._found = found

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._real.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        self._found(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)  # inspect.getsource and friends ask the real loader
