"""How pytest finds code: its starting folder is on the path, and assertions in flakeproof itself are not rewritten."""

import importlib.machinery
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from flakeproof_worker.shared.user_code import attribute_of

_SHOWN = 3


def put_first(folder: str) -> None:
    """Make `folder` the first that imports look into, unless Python has been told to leave that out (-P)."""
    if not sys.flags.safe_path:
        sys.path.insert(0, folder)


def remarks(session: Any, folder: str) -> list[str]:
    """What people are told of modules that a bare `pytest`, which does not look into `folder`, would not import."""
    if not sys.path or sys.path.count(folder) != 1 or folder in _folders_of_pytest(session):
        return []
    found: list[str] = []
    with _without(folder):
        for name in _modules_in(folder, _names_of_pytest(session)):
            spec = _found(name)
            if spec is None:
                found.append(name)
            elif not _is_here(spec, folder):
                found.append(f"{name} (not {_place(spec)})")
    if not found:
        return []
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    come = "comes" if len(found) == 1 else "come"
    where = "from the current folder, where `python -m pytest` looks and a bare `pytest` does not"
    return [f"{', '.join(found[:_SHOWN])}{more} {come} {where}"]


def _names_of_pytest(session: Any) -> set[str]:
    """Top-level names of the modules that pytest itself has imported: test files and conftest files."""
    modules = [getattr(item, "module", None) for item in session.items]
    modules += [plugin for plugin in session.config.pluginmanager.get_plugins() if isinstance(plugin, ModuleType)]
    return {str(module.__name__).partition(".")[0] for module in modules if module is not None}


def _folders_of_pytest(session: Any) -> set[str]:
    """Folders that pytest has made importable itself: those of test files and conftest files."""
    if session.config.getoption("importmode", "prepend") == "importlib":
        return set()
    files = {str(getattr(item, "path", "")) for item in session.items}
    for plugin in session.config.pluginmanager.get_plugins():
        file = attribute_of(plugin, "__file__")
        if isinstance(file, str) and os.path.basename(file) == "conftest.py":  # noqa: PTH119
            files.add(file)
    found: set[str] = set()
    for file in files:
        parent = os.path.dirname(file)  # noqa: PTH120
        while os.path.exists(os.path.join(parent, "__init__.py")):  # noqa: PTH110, PTH118
            parent = os.path.dirname(parent)  # noqa: PTH120
        found.add(parent)
    return found


def _modules_in(folder: str, left_out: set[str]) -> Iterator[str]:
    """Names of what has been imported right from `folder`."""
    for name, module in sorted(sys.modules.items(), key=lambda pair: str(pair[0])):
        spec = attribute_of(module, "__spec__")
        if "." not in name and name not in left_out and spec is not None and _is_here(spec, folder):
            yield name


def _is_here(spec: Any, folder: str) -> bool:
    origin = getattr(spec, "origin", None)
    places = list(getattr(spec, "submodule_search_locations", None) or [])
    files = places or ([origin] if isinstance(origin, str) else [])
    return any(isinstance(file, str) and os.path.dirname(file) == folder for file in files)  # noqa: PTH120


def _place(spec: Any) -> str:
    places = list(getattr(spec, "submodule_search_locations", None) or [])
    return str(places[0] if places else spec.origin)


def _found(name: str) -> importlib.machinery.ModuleSpec | None:
    """What an import of `name` would find now, were it the first."""
    for finder in list(sys.meta_path):
        with suppress(Exception):  # a finder that somebody has made for one purpose
            if (spec := finder.find_spec(name, None)) is not None:
                return spec
    return None


@contextmanager
def _without(folder: str) -> Iterator[None]:
    place = sys.path.index(folder)
    del sys.path[place]
    try:
        yield
    finally:
        sys.path.insert(place, folder)


_OURS = frozenset({"flakeproof", "flakeproof_worker"})


def leave_ours_alone(config: Any) -> None:
    """Have pytest's import hook pass over our modules from now on."""
    hook: Any = getattr(config.pluginmanager, "rewrite_hook", None)
    with suppress(AttributeError):  # then they are rewritten, which only takes time
        hook._must_rewrite.difference_update(_OURS)
        hook._marked_for_rewrite_cache.clear()
