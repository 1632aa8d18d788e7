"""What the modules of a program hold: each global, and what is in it, by the name that one would write."""

import contextvars
import functools
import reprlib
import types
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flakeproof_worker.shared.user_code import attribute_of

_DEPTH = 4
_MOST = 200_000
_MOST_ELEMENTS = 10_000
_LISTED = 50
"""Elements of a list that are looked into."""
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_CODE = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.ModuleType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    staticmethod,
    classmethod,
    property,
)
_TEXT = 80
_PIECE = 40


@dataclass
class Leaf:
    """A value and how to bring it back."""

    kind: str
    module: str
    value: object
    """Kept, so that nothing else gets its address."""
    mark: object
    """Equal as long as it is the same."""
    words: str
    """`value` as it is now, for people; "" where it cannot change and can be put into words later."""
    put: Callable[[], object] | None
    """Makes it as it is now."""
    remove: Callable[[], object] | None
    """Makes it not be there."""

    @property
    def text(self) -> str:
        """The value in a few words."""
        return self.words or shown(self.value)


class _Short(reprlib.Repr):
    """Values as people read them, without calling code of the user."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = 4
        self.maxlevel = 3

    def repr1(self, x: Any, level: int) -> str:
        if isinstance(x, types.FunctionType):
            return f"function {x.__module__}.{x.__qualname__}"
        if isinstance(x, types.ModuleType):
            return f"module {x.__name__}"
        if isinstance(x, type):
            return f"class {x.__module__}.{x.__qualname__}"
        if type(x).__module__ in ("builtins", "collections"):
            return super().repr1(x, level) if type(x) not in _CODE else f"{type(x).__name__}"
        return f"{type(x).__module__}.{type(x).__qualname__} object"


def shown(value: object) -> str:
    """`value` in a few words."""
    text = _SHORT.repr(value)
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


_SHORT = _Short()


def difference(before: Leaf, after: Leaf, modules: dict[str, types.ModuleType]) -> tuple[str, str]:
    """What tells two values apart that read the same; `modules` are those that there were before."""
    one, other = before.value, after.value
    if isinstance(one, str | bytes) and isinstance(other, str | bytes):
        start = next((at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), 0)
        return tuple(f"from {start} on {shown(text[start : start + _PIECE])}" for text in (one, other))  # type: ignore[return-value]
    sizes = [leaf.mark[-1] if isinstance(leaf.mark, tuple) and leaf.mark else None for leaf in (before, after)]
    if isinstance(sizes[0], tuple) and isinstance(sizes[1], tuple) and sizes[0] != sizes[1]:
        return _elements(sizes[0], sizes[1]), _elements(sizes[1], sizes[0])
    return _identity(one, modules), _identity(other, modules)


def _elements(here: tuple[object, ...], there: tuple[object, ...]) -> str:
    """How many elements there are, and the first that is not among the others, from their marks."""
    only = next((one for one in here if one not in there), None)
    named = f", with {shown(only[1])}" if isinstance(only, tuple) and len(only) == 2 else ""
    return f"{len(here)} elements{named}"


def _identity(value: object, earlier: dict[str, types.ModuleType]) -> str:
    """What tells `value` from another that looks like it."""
    words = [f"at {id(value):#x}"]
    if isinstance(value, types.ModuleType):
        if isinstance(file := attribute_of(value, "__file__"), str):
            words.append(f"from {file}")
        words.append(
            f"imported {'before' if any(value is module for module in earlier.values()) else 'during'} the tests"
        )
    functions = [value] if isinstance(value, types.FunctionType) else []
    if isinstance(value, type):
        functions = [one for one in vars(value).values() if isinstance(one, types.FunctionType)]
    if functions:
        code = functions[0].__code__
        words.append(f"defined at {code.co_filename}:{code.co_firstlineno}")
    return ", ".join(words)


class Walk:
    """Collects leaves; what is reached twice belongs to the place that it was first found in."""

    def __init__(self, project: set[str]) -> None:
        """`project` are the modules whose classes are looked into."""
        self.found: dict[str, Leaf] = {}
        self.earlier: dict[str, Leaf] = {}
        """What was there before in the place of what `differences` has found."""
        self._project = project
        self._module = ""
        self._seen: set[int] = set()

    def module(self, name: str, module: types.ModuleType) -> None:
        """Look through the globals of a module of the project, and into them."""
        self._module = name
        for key, value in list(vars(module).items()):
            if not key.startswith(("__", "@py")):
                put, remove = functools.partial(setattr, module, key, value), functools.partial(delattr, module, key)
                self._visit(value, f"{name}.{key}", put, remove, "global", _DEPTH)

    def fixture(self, definition: Any) -> None:
        """Look into the value of a fixture that pytest keeps for several tests."""
        cached = definition.cached_result
        if cached is None or isinstance(cached[0], _PLAIN):
            return  # there is nothing that a test could have changed
        self._module = ""

        def drop() -> None:  # it is set up again for the next test that wants it
            definition.cached_result = None
            definition._finalizers.clear()

        keep = functools.partial(setattr, definition, "cached_result", cached)
        self._visit(cached[0], f"fixture {definition.argname} ({definition.scope})", keep, drop, "fixture", _DEPTH)

    def differences(self, name: str, module: types.ModuleType, before: dict[str, object]) -> None:
        """Find which globals of another module do not mean any more what they did `before`."""
        self._module = name
        now = dict(vars(module))
        for key in [*before, *(key for key in now if key not in before)]:
            if key.startswith("__") or (key in before and key in now and _is_same(before[key], now[key])):
                continue
            for leaves, names in ((self.earlier, before), (self.found, now)):
                if key in names:
                    value = names[key]
                    mark = (type(value), value) if isinstance(value, _PLAIN) else id(value)
                    put, remove = (
                        functools.partial(setattr, module, key, value),
                        functools.partial(delattr, module, key),
                    )
                    leaves[f"{name}.{key}"] = Leaf("library", name, value, mark, "", put, remove)

    def _add(self, path: str, kind: str, value: Any, mark: object, put: Any, remove: Any, text: str = "") -> None:
        if len(self.found) < _MOST:
            self.found[path] = Leaf(kind, self._module, value, mark, text, put, remove)

    def _visit(self, value: Any, path: str, put: Any, remove: Any, kind: str, depth: int) -> None:
        if isinstance(value, _PLAIN) and type(value) in _PLAIN:
            self._add(path, kind, value, (type(value), value), put, remove)
            return
        if isinstance(value, _CODE):
            self._add(path, kind, value, id(value), put, remove)
            return
        if hasattr(type(value), "cache_clear") and hasattr(type(value), "cache_info"):
            size = value.cache_info().currsize
            text = f"a cache of {size} results"
            clear = value.cache_clear if not size else None
            self._add(path, kind, value, ("cache", id(value), size), clear, remove, text)
            return
        new = id(value) not in self._seen
        if not isinstance(value, type) or value.__module__ == self._module:  # it has its own module
            self._seen.add(id(value))
        if isinstance(value, contextvars.ContextVar):
            now = value.get(None)
            self._add(path, kind, value, ("context", id(now)), functools.partial(value.set, now), remove, shown(now))
        elif isinstance(value, type):
            self._add(path, kind, value, id(value), put, remove)
            if new and depth and value.__module__ == self._module:
                self._attributes(value, dict(vars(value)), path, kind, depth - 1)
        elif isinstance(value, dict):
            self._dictionary(value, path, put, remove, kind, depth, is_new=new)
        elif isinstance(value, list | deque | set | bytearray):
            self._container(value, path, put, remove, kind, depth, is_new=new)
        elif isinstance(value, tuple | frozenset):
            self._add(path, kind, value, (type(value), _marks(value)), put, remove)
        elif type(value).__module__.partition(".")[0] not in ("_pytest", "pytest", "pluggy"):
            self._add(path, kind, value, id(value), put, remove)
            is_ours = type(value).__module__ in self._project or isinstance(value, types.SimpleNamespace)
            if new and depth and is_ours:
                self._attributes(value, _own_attributes(value), path, kind, depth - 1)

    def _attributes(self, owner: Any, names: dict[str, Any], path: str, kind: str, depth: int) -> None:
        for key, value in names.items():
            if not (key.startswith("__") and key.endswith("__")) and not key.startswith("_abc_"):
                put = functools.partial(setattr, owner, key, value)
                self._visit(value, f"{path}.{key}", put, functools.partial(delattr, owner, key), kind, depth)

    def _dictionary(
        self, value: dict[Any, Any], path: str, put: Any, remove: Any, kind: str, depth: int, *, is_new: bool
    ) -> None:
        if not depth or len(value) > _MOST_ELEMENTS:
            kept = dict(value)

            def refill() -> None:
                value.clear()
                value.update(kept)
                put()

            mark = id(value), _marks(value), _marks(value.values())
            self._add(path, kind, value, mark, refill, remove, shown(value))
            return
        self._add(path, kind, value, id(value), put, remove, shown(value))
        if is_new:
            for key, element in list(value.items()):
                setter = functools.partial(value.__setitem__, key, element)
                deleter = functools.partial(value.pop, key, None)
                self._visit(element, f"{path}[{shown(key)}]", setter, deleter, kind, depth - 1)

    def _container(self, value: Any, path: str, put: Any, remove: Any, kind: str, depth: int, *, is_new: bool) -> None:
        kept = list(value)

        def refill() -> None:
            value.clear()
            (value.update if isinstance(value, set) else value.extend)(kept)
            put()

        self._add(path, kind, value, (id(value), len(kept), _marks(kept)), refill, remove, shown(value))
        if is_new and depth and isinstance(value, list | deque) and len(kept) <= _LISTED:
            for place, element in enumerate(kept):
                if not isinstance(element, _PLAIN):
                    self._visit(element, f"{path}[{place}]", None, None, kind, depth - 1)


def _own_attributes(value: object) -> dict[str, Any]:
    """What an object holds itself, in its `__dict__` and in slots."""
    names = getattr(value, "__dict__", None)
    found = dict(names) if isinstance(names, dict) else {}
    for owner in type(value).__mro__:
        for name, member in list(vars(owner).items()):
            if isinstance(member, types.MemberDescriptorType):
                with suppress(AttributeError):  # a slot that nothing was put into
                    found.setdefault(name, member.__get__(value))
    return found


def _is_same(one: object, other: object) -> bool:
    return one is other or (isinstance(one, _PLAIN) and type(one) is type(other) and one == other)


def _marks(values: Any) -> tuple[object, ...]:
    found = [(type(one), one) if isinstance(one, _PLAIN) else id(one) for one in list(values)[:_MOST_ELEMENTS]]
    return tuple(sorted(found, key=repr)) if isinstance(values, set | frozenset) else tuple(found)
