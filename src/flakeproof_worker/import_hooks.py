"""Do something to a module as soon as it is imported, without importing it into a process that does not use it."""

import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

Found = Callable[[ModuleType], None]


def when_imported(name: str, found: Found) -> None:
    """Call `found` with the module `name`: now if it is there, else right after its first import."""
    module = sys.modules.get(name)
    if module is not None:
        found(module)
        return
    notice = next((finder for finder in sys.meta_path if isinstance(finder, _Notice)), None)
    if notice is None:
        notice = _Notice()
        sys.meta_path.insert(0, notice)
    notice.wanted.setdefault(name, []).append(found)


class _Notice:
    """A finder that finds nothing by itself, but tells when a module has been imported.

    It does not derive from importlib.abc, which itself imports `random` on Python 3.11.
    """

    def __init__(self) -> None:
        self.wanted: dict[str, list[Found]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.wanted:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    # It stays wanted until then: the first attempt may fail.
                    loader = _NoticingLoader(spec.loader, lambda module: self._imported(name, module))
                    spec.loader = loader  # type: ignore[assignment]  # duck-typed, as above
                return spec
        return None

    def _imported(self, name: str, module: ModuleType) -> None:
        for found in self.wanted.pop(name, []):
            found(module)
        if not self.wanted and self in sys.meta_path:
            sys.meta_path.remove(self)


class _NoticingLoader:
    def __init__(self, real: Any, imported: Found) -> None:
        self._real = real
        self._imported = imported

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._real.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        self._real.exec_module(module)
        self._imported(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)  # inspect.getsource and friends ask the real loader
