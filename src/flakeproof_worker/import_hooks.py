"""Hook into the user's code: act on a module right after its import, wrap a function, make `flakeproof` importable."""

import functools
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

Found = Callable[[ModuleType], None]


def when_imported(name: str, found: Found) -> None:
    """Call `found` with the module `name`: now if it is imported, else right after its first import."""
    module = sys.modules.get(name)
    if module is not None:
        found(module)
        return
    _notice().wanted.setdefault(name, []).append(found)


def around_import(name: str, before: Callable[[], None], after: Callable[[], None]) -> None:
    """Call `before` and `after` around the first import of the module `name`, unless it is imported already."""
    if name not in sys.modules:
        _notice().around.setdefault(name, []).append((before, after))


def _notice() -> "_Notice":
    notice = next((finder for finder in sys.meta_path if isinstance(finder, _Notice)), None)
    if notice is None:
        notice = _Notice()
        sys.meta_path.insert(0, notice)
    return notice


class _Notice:
    """A finder that finds nothing by itself, but notices when a wanted module has been imported.

    It does not derive from importlib.abc, because that imports `random` on Python 3.11.
    """

    def __init__(self) -> None:
        self.wanted: dict[str, list[Found]] = {}
        self.around: dict[str, list[tuple[Callable[[], None], Callable[[], None]]]] = {}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.wanted and name not in self.around:
            return None
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    # The module stays wanted until it is imported: the first attempt may fail.
                    loader = _NoticingLoader(
                        spec.loader, lambda module: self._imported(name, module), self.around.get(name, ())
                    )
                    spec.loader = loader  # type: ignore[assignment]  # duck-typed, as above
                return spec
        return None

    def _imported(self, name: str, module: ModuleType) -> None:
        for found in self.wanted.pop(name, []):
            found(module)
        self.around.pop(name, None)
        if not self.wanted and not self.around and self in sys.meta_path:
            sys.meta_path.remove(self)


class _NoticingLoader:
    def __init__(
        self, real: Any, imported: Found, around: Sequence[tuple[Callable[[], None], Callable[[], None]]]
    ) -> None:
        self._real = real
        self._imported = imported
        self._around = around

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        created: ModuleType | None
        with self._surrounded():  # what is written in C may begin here
            created = self._real.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        with self._surrounded():
            self._real.exec_module(module)
        self._imported(module)

    @contextmanager
    def _surrounded(self) -> Iterator[None]:
        for before, _ in self._around:
            before()
        try:
            yield
        finally:
            for _, after in self._around:
                after()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)  # inspect.getsource and friends ask the real loader


def replace(owner: Any, name: str, make: Callable[[Any], Callable[..., Any]], *, module: str = "") -> None:
    """Let `make` wrap the function `name` of a module or class; the wrapper looks and pickles like the function.

    Where `owner` lacks the function (another version of Python, another platform), nothing happens. `module` is where
    pickle finds the function, if that is not the module that defines it.
    """
    real = getattr(owner, name, None)
    if real is None:
        return
    wrapper = functools.update_wrapper(make(real), real)
    if isinstance(owner, type) and name not in vars(owner):  # inherited: the base class keeps its own
        wrapper.__module__, wrapper.__qualname__ = owner.__module__, f"{owner.__qualname__}.{name}"
    if module:
        wrapper.__module__ = module
    setattr(owner, name, wrapper)


_NAME = "flakeproof"


class _LastFinder:
    """Asked only after all other finders, so that it hides no other package named `flakeproof`."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Locate the package; Python's own finders locate the modules in it."""
        if name != _NAME:
            return None
        parent = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 - no pathlib here
        folder = os.path.join(parent, _NAME)  # noqa: PTH118
        return importlib.util.spec_from_file_location(
            name,
            os.path.join(folder, "__init__.py"),  # noqa: PTH118
            submodule_search_locations=[folder],
        )


def make_importable() -> None:
    """Make `flakeproof` importable from now on, in this process and its forks."""
    sys.meta_path.append(_LastFinder())
