"""A pass in an order that the coordinator has chosen, and what it wants to know about it besides the outcomes.

The order is data: `items` are the indexes of what runs. With `look`, the index of one of them, what has changed around
it is told: everything between the start of the pass and just before that item. `restore` names what of that is put
back before the item runs, `watch` names what a line of code is searched for that changes it.
"""

import functools
import importlib
import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from flakeproof_worker.shared.private import os
from flakeproof_worker.shared.user_code import is_users

if TYPE_CHECKING:
    from flakeproof_worker.system.private_files import PrivateFiles

_ORDERING = ("randomly", "random_order", "reverse", "xdist", "cacheprovider")
"""Plugins that may run tests elsewhere or otherwise than in the order of the command line, or keep something."""
_REMEMBERING = ("lf", "failedfirst", "newfirst", "stepwise")
_MOST_CHANGES = 2_000
_FEW = 8
"""Items of a pass about which it is told where they are, whether that is asked for or not."""


class Ordered:
    """One pass that was ordered."""

    def __init__(
        self, config: Any, items: list[Any], ids: list[str], order: dict[str, Any], files: "PrivateFiles | None" = None
    ) -> None:
        """`items` are those collected, `ids` their names; `files` are what this process has to itself."""
        self._config = config
        self._ids = ids
        self._files = files
        self._indexes: list[int] = order["items"]
        self.items = [items[index] for index in self._indexes]
        self._look: int | None = order.get("look")
        self._place = -1
        """Where the item is that is looked around at: its last one, should it run several times."""
        self._restore: list[str] = order.get("restore", [])
        self._found: dict[str, Any] = {}
        self._state: Any = None
        self._watch: Any = None
        if self._look is None:
            return
        self._place = len(self._indexes) - 1 - self._indexes[::-1].index(self._look)
        with suppress(Exception):  # what cannot be looked at must not change how the test ends
            state = importlib.import_module("flakeproof_worker.pytest_driver.state")
            self._state = state.Surroundings(
                str(config.rootpath), _own_modules(self.items), files, functools.partial(_kept_fixtures, self.items)
            )
            if watched := order.get("watch"):
                self._watch = ChangeWatch(self._state, watched)
                self._watch.start()

    def before(self, position: int) -> None:
        """Called before the item at `position` runs."""
        if self._state is None or position != self._place:
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
        if self._look is None and len(self._indexes) > _FEW:
            return {}  # to know where a test is may take its time
        root = str(self._config.rootpath)
        self._found["shared_files"] = self._files.refused if self._files is not None else []
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


def _kept_fixtures(items: list[Any]) -> list[Any]:
    """The fixtures that are kept for several tests, of the session of `items`."""
    found: dict[int, Any] = {}
    for item in items[0].session.items:
        known = getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})
        found |= {id(one): one for definitions in known.values() for one in definitions if one.scope != "function"}
    return list(found.values())


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
        self._line = ""
        self._lines_of: dict[FrameType, int] = {}
        """The line that each function is at: the one before is not that of the function that was called meanwhile."""

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
        if self._line or not is_users(frame.f_code.co_filename):
            return None
        lines: dict[FrameType, int] = self._lines_of
        if (caller := _nearest(frame.f_back, lines)) is not None:
            self._look(caller, lines[caller])  # what it did before it called this one
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        """Look when a line, or a function, has come to its end: what has changed since is the work of that line."""
        if self._line:
            return None
        if (last := self._lines_of.get(frame)) is not None:
            self._look(frame, last)
        if event == "return":
            self._lines_of.pop(frame, None)
        elif event == "line":
            self._lines_of[frame] = frame.f_lineno
        return self._step

    def _look(self, frame: FrameType, line: int) -> None:
        if self._value(self._name) != self._before:
            while self._name.startswith("module ") and frame.f_code.co_name == "<module>":
                above = _nearest(frame.f_back, self._lines_of)  # who has had the module executed
                if above is None:
                    break
                frame, line = above, self._lines_of[above]
            self._line = f"{frame.f_code.co_filename}:{line} ({frame.f_code.co_name})"


def _nearest(frame: FrameType | None, known: dict[FrameType, int]) -> FrameType | None:
    while frame is not None and frame not in known:
        frame = frame.f_back
    return frame
