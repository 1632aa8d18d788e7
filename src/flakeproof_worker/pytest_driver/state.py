"""What there is around a test: taken before others run and again just before it, so that what they left has a name.

What code of the project keeps in its modules is looked into; of any other module only whether its names still mean the
same objects. Each thing knows how to be put back, so that what it matters can be tried.
"""

import functools
import sys
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any

from flakeproof_worker.pytest_driver.state_process import of_process
from flakeproof_worker.pytest_driver.state_walk import Leaf, Walk, difference
from flakeproof_worker.shared.private import os
from flakeproof_worker.shared.user_code import attribute_of, is_library
from flakeproof_worker.system.private_files import FileChange, PrivateFiles

_OURS = ("flakeproof_worker", "_pytest", "pytest", "pluggy", "iniconfig", "py")
_NOT_STATE = {
    "sys.last_exc",
    "sys.last_type",
    "sys.last_value",
    "sys.last_traceback",
    "sys.modules",
    "builtins._",
    "tempfile.tempdir",
    "tempfile._name_sequence",
}
_LIBRARIES = tuple({os.path.realpath(path) for path in sysconfig.get_paths().values()})
_ABSENT = "not there"
_MOST_OF = 0.8
"""Part of the functions and classes of a module that are new if it was executed again."""
BY_TEXT = "text of "
"""What the name of a change begins with that is to be watched by what it looks like: what it is in comes and goes."""
Fixtures = Callable[[], Iterable[Any]]
_OF_PROCESS = (
    "os.environ[",
    "sys.modules[",
    "sys.path",
    "warnings.filters",
    "the ",
    "logging",
    "descriptor ",
    "thread ",
    "file ",
)
"""What the names of things begin with that are not in a module."""


@dataclass
class StateChange:
    """Something that is not as it was."""

    kind: str
    name: str
    module: str
    before: Leaf | None
    after: Leaf | None
    modules: dict[str, ModuleType]
    """Those that there were before."""
    parts: Sequence["StateChange"] = ()
    """What has to be put back for it, if it is not a thing by itself."""

    def told(self) -> dict[str, str]:
        """As the coordinator hears of it; where both read the same, with what tells them apart."""
        texts = [leaf.text if leaf is not None else _ABSENT for leaf in (self.before, self.after)]
        told = {"kind": self.kind, "name": self.name, "module": self.module, "before": texts[0], "after": texts[1]}
        if self.parts and self.kind != "reload":
            told["part"] = "yes"  # what it is a part of was replaced
        if self.before is not None and self.after is not None and texts[0] == texts[1]:
            told["before_is"], told["after_is"] = difference(self.before, self.after, self.modules)
        return told

    def put_back(self) -> bool:
        """Make it as it was; whether that could be done."""
        if self.parts:
            return any([part.put_back() for part in self.parts])  # noqa: C419 - all of them
        action = self.before.put if self.before is not None else self.after.remove if self.after is not None else None
        if action is None:
            return False
        try:
            action()
        except BaseException:
            return False
        return True


class Surroundings:
    """As they are when it is made, to be compared with later."""

    def __init__(
        self, root: str, tests: set[str], files: PrivateFiles | None = None, fixtures: Fixtures = lambda: ()
    ) -> None:
        """`root` is the folder of the project, `tests` its modules that hold tests, `files` are those of one's own.

        `fixtures` returns those that pytest keeps for several tests.
        """
        self._fixtures = fixtures
        self._files = files
        self._root = os.path.realpath(root)
        self._tests = tests
        self._modules = dict(sys.modules)
        self._paths: dict[str, str] = {}
        self._libraries: dict[str, dict[str, object]] = {}
        """What the names of other modules meant at first: too many to have a leaf each."""
        self._earlier: dict[str, Leaf] = {}
        self._before = self._take()

    def changes(self) -> list[StateChange]:
        """What has changed since."""
        after = self._take()
        before = self._before | self._earlier
        found = [
            StateChange(leaf.kind, name, leaf.module, before.get(name), after.get(name), self._modules)
            for name, leaf in {**before, **after}.items()
            if not _same(before.get(name), after.get(name))
        ]
        if self._files is not None:
            found += [_of_file(change, self._files) for change in self._files.changes()]
        return _told_apart(_with_reloads(found, self._modules))

    def value(self, name: str) -> object:
        """A mark of the present value of what is called `name`; it changes when that does."""
        if name.startswith(BY_TEXT):
            leaf = self._take(only=name.removeprefix(BY_TEXT)).get(name.removeprefix(BY_TEXT))
            return leaf.text if leaf is not None else None
        if name.startswith("module "):
            return _code_of(sys.modules.get(name.removeprefix("module ")))
        if name.startswith("file "):
            return _stamp(name.removeprefix("file "))
        everything = of_process(self._modules) if name.startswith(_OF_PROCESS) else self._take(only=name)
        leaf = everything.get(name)
        return leaf.mark if leaf is not None else None

    def put_back(self, changes: list[StateChange], names: set[str]) -> list[str]:
        """Make those of `changes` with these `names` as they were; the names of those that could be."""
        return [change.name for change in changes if change.name in names and change.put_back()]

    def uses(self, item: Any) -> dict[str, int]:
        """Modules of the project that the module of `item` gets at, and over how many others."""
        start = getattr(getattr(item, "module", None), "__name__", "")
        found, edge = {start: 0}, [start]
        while edge:
            name = edge.pop(0)
            module = sys.modules.get(name)
            for near in _mentioned(module) if module is not None else ():
                if near not in found and self._is_projects(sys.modules.get(near)):
                    found[near] = found[name] + 1
                    edge.append(near)
        return found

    def _take(self, only: str | None = None) -> dict[str, Leaf]:
        """Everything, by name; or what belongs to names that start like `only`."""
        modules = [
            pair for pair in list(sys.modules.items()) if type(pair[1]) is ModuleType or pair[0] in self._modules
        ]
        # What several modules know belongs to the one that tests are not in.
        modules.sort(key=lambda pair: (pair[0] in self._tests or "conftest" in pair[0], pair[0]))
        own = {name for name, module in modules if self._is_projects(module)}
        walk = Walk(own)
        for name, module in modules:
            if name.partition(".")[0] in _OURS or (only is not None and not only.startswith(name)):
                continue
            if name not in self._modules:
                continue  # that it is there is the change
            with suppress(Exception):  # what defends itself against being looked at is left alone
                if name in own:
                    walk.module(name, module)
                elif name not in self._libraries:
                    self._libraries[name] = dict(vars(module))
                else:
                    walk.differences(name, module, self._libraries[name])
        if only is None or only.startswith("fixture "):
            for fixture in self._fixtures():
                with suppress(Exception):
                    walk.fixture(fixture)
        self._earlier = {name: leaf for name, leaf in walk.earlier.items() if name not in _NOT_STATE}
        found = {name: leaf for name, leaf in walk.found.items() if name not in _NOT_STATE}
        if only is None:
            found |= of_process(self._modules)
        return found

    def _is_projects(self, module: Any) -> bool:
        file = attribute_of(module, "__file__")
        if not isinstance(file, str):
            return False
        path = self._paths.get(file) or self._paths.setdefault(file, os.path.realpath(file))
        return path.startswith(self._root + os.sep) and not path.startswith(_LIBRARIES) and not is_library(path)


def _of_file(change: FileChange, files: PrivateFiles) -> StateChange:
    """A file that is not as it was."""
    before, after = (
        Leaf("file", "", None, text, text, functools.partial(files.put_back, change.path), None) if text else None
        for text in (change.before, change.after)
    )
    if before is None and after is not None:
        after.remove = after.put
    return StateChange("file", f"file {change.path}", "", before, after, {})


def _stamp(path: str) -> object:
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _same(before: Leaf | None, after: Leaf | None) -> bool:
    if before is None or after is None:
        return before is after
    with suppress(Exception):
        return bool(before.mark == after.mark)
    return before.value is after.value


def _told_apart(found: list[StateChange]) -> list[StateChange]:
    """`found` without what is a part of another change, unless that says nothing: it looks as it did."""
    names = {change.name: change for change in found}
    told: list[StateChange] = []
    for change in found:
        whole = next((names[above] for above in _above(change.name) if above in names), None)
        if whole is None:
            told.append(change)
        elif (_looks_alike(whole) and not _looks_alike(change)) or (whole.kind == "fixture" and whole.before is None):
            told.append(StateChange(whole.kind, change.name, change.module, change.before, change.after, {}, [whole]))
    return told


def _above(name: str) -> list[str]:
    """The names of what `name` is a part of, the widest first."""
    return [name[:place] for place, character in enumerate(name) if character in "[."]


def _looks_alike(change: StateChange) -> bool:
    return change.before is not None and change.after is not None and change.before.text == change.after.text


def _with_reloads(found: list[StateChange], modules: dict[str, ModuleType]) -> list[StateChange]:
    """`found` with one change for each module that was executed again, in the place of all that it defines."""
    again = Counter(
        change.module
        for change in found
        if change.before is not None and change.after is not None and _is_code_of(change.module, change.before.value)
    )
    reloaded = {
        name for name, count in again.items() if count >= max(2, _MOST_OF * len(_code_of(modules.get(name)) or ()))
    }
    parts: dict[str, list[StateChange]] = {name: [] for name in reloaded}
    others = []
    for change in found:
        value = change.before.value if change.before is not None else None
        owner = value.__name__ if isinstance(value, ModuleType) else change.module
        parts[owner].append(change) if owner in parts else others.append(change)
    for name, changes in parts.items():
        before, after = (
            Leaf("reload", name, None, text, text, None, None) for text in ("as first imported", "executed again")
        )
        others.append(StateChange("reload", f"module {name}", name, before, after, modules, changes))
    return others


def _is_code_of(module: str, value: object) -> bool:
    return isinstance(value, FunctionType | type) and getattr(value, "__module__", "") == module


def _code_of(module: ModuleType | None) -> list[int] | None:
    """A mark of the functions and classes of a module, other ones when it has been executed again."""
    if module is None:
        return None
    return [id(value) for value in list(vars(module).values()) if _is_code_of(module.__name__, value)]


def _mentioned(module: ModuleType) -> set[str]:
    found: set[str] = set()
    for value in list(vars(module).values()):
        if isinstance(value, ModuleType):
            found.add(value.__name__)
        else:
            with suppress(Exception):
                name = getattr(value, "__module__", None) or type(value).__module__
                if isinstance(name, str):
                    found.add(name)
    return found
