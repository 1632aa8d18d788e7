"""A pass in an order that the coordinator has chosen, and what it wants to know about it besides the outcomes.

The order is data: `items` are the indexes of what runs. With `look`, the index of one of them, what has changed around
it is told: everything between the start of the pass and just before that item. `restore` names what of that is put
back before the item runs, `watch` names what a line of code is searched for that changes it.
"""

import importlib
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from flakeproof_worker.shared.private import os
from flakeproof_worker.shared.user_code import is_library

_ORDERING = ("randomly", "random_order", "reverse", "xdist", "cacheprovider")
"""Plugins that may run tests elsewhere or otherwise than in the order of the command line, or keep something."""
_REMEMBERING = ("lf", "failedfirst", "newfirst", "stepwise")
_MOST_CHANGES = 2_000


class Ordered:
    """One pass that was ordered."""

    def __init__(self, config: Any, items: list[Any], ids: list[str], order: dict[str, Any]) -> None:
        """`items` are those collected, `ids` their names."""
        self._config = config
        self._ids = ids
        self._indexes: list[int] = order["items"]
        self.items = [items[index] for index in self._indexes]
        self._look: int | None = order.get("look")
        self._restore: list[str] = order.get("restore", [])
        self._found: dict[str, Any] = {}
        self._state: Any = None
        self._watch: Any = None
        if self._look is None:
            return
        with suppress(Exception):  # what cannot be looked at must not change how the test ends
            state = importlib.import_module("flakeproof_worker.pytest_driver.state")
            self._state = state.Surroundings(str(config.rootpath), _own_modules(self.items))
            if watched := order.get("watch"):
                self._watch = ChangeWatch(self._state, watched)
                self._watch.start()

    def before(self, position: int) -> None:
        """Called before the item at `position` runs."""
        if self._state is None or self._indexes[position] != self._look:
            return
        with suppress(Exception):
            if self._watch is not None:
                self._found["line"] = self._watch.stop()
            changes = self._state.changes()
            self._found["changes"] = [change.told() for change in changes[:_MOST_CHANGES]]
            self._found["uses"] = self._state.uses(self.items[position])
            self._found["restored"] = self._state.put_back(changes, set(self._restore))

    def found(self) -> dict[str, Any]:
        """What the coordinator is told."""
        if self._look is None:
            return {}
        root = str(self._config.rootpath)
        self._found["root"] = root
        self._found["places"] = {
            self._ids[index]: _place(item) for index, item in zip(self._indexes, self.items, strict=True)
        }
        self._found["plugins"] = [name for name in _ORDERING if self._config.pluginmanager.hasplugin(name)]
        self._found["remembers"] = any(getattr(self._config.option, name, False) for name in _REMEMBERING)
        return self._found


def _place(item: Any) -> str:
    """`file:line` of the item, relative to pytest's root folder."""
    file, line, _ = item.location
    return f"{file}:{line + 1}" if line is not None else str(file)


def _own_modules(items: list[Any]) -> set[str]:
    """Names of the modules that hold the tests: what is found there belongs to a test and is looked at last."""
    modules = (getattr(item, "module", None) for item in items)
    return {os.fspath(module.__name__) for module in modules if module is not None}


class ChangeWatch:
    """Watches one thing of the surroundings."""

    def __init__(self, state: Any, name: str) -> None:
        """`name` is that of a change that `state` has told of."""
        self._value = state.value
        self._name = name
        self._before: object = None
        self._previous: tuple[str, int, str] | None = None
        self._line = ""

    def start(self) -> None:
        """Look from now on."""
        self._before = self._value(self._name)
        threading.settrace(self._trace)
        sys.settrace(self._trace)

    def stop(self) -> str:
        """Look no more; `file:line (function)` of the line that has changed it, "" if none was seen to."""
        sys.settrace(None)
        threading.settrace(None)
        return self._line

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._line or _is_library(frame.f_code.co_filename):
            return None
        return self._lines

    def _lines(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self._line:
            return None
        if self._previous is not None and self._value(self._name) != self._before:
            file, line, function = self._previous
            self._line = f"{file}:{line} ({function})"
            return None
        self._previous = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        return self._lines


def _is_library(file: str) -> bool:
    return file.startswith("<") or is_library(file)
