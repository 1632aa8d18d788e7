"""Values of variables as small facts that can be compared between trials, without running any code of the user."""

from itertools import islice
from typing import Any

_LONGEST = 60
_SHOWN = 4
"""Elements of a set of which the order is noted."""
_COUNTED: tuple[type, ...] = (list, tuple, dict, set, frozenset, bytes, bytearray, str)
_ORDERED_BY_HASH: tuple[type, ...] = (set, frozenset)
_BIGGEST = 2**53

Fact = bool | int | float | str | None
"""A number is compared by size, anything else by equality."""


def facts_of(name: str, value: Any) -> list[tuple[str, Fact]]:
    """Facts about `value`, each with its name: the value of a scalar, the length of a container, else the type.

    Only exact builtin types are looked into: a subclass could run code of the user.
    """
    kind = type(value)
    if value is None or kind is bool:
        return [(name, value)]
    if kind is int:
        return [(name, value if -_BIGGEST < value < _BIGGEST else f"{value.bit_length()} bits")]
    if kind is float:
        return [(name, value if value - value == 0 else repr(value))]  # infinities and nan are no numbers to compare
    if kind is str and len(value) <= _LONGEST:
        return [(name, repr(value))]
    if kind in _COUNTED:
        found: list[tuple[str, Fact]] = [(f"len({name})", len(value))]
        if kind in _ORDERED_BY_HASH and len(value) > 1:
            found.append((f"the order of {name}", ", ".join(_shown(one) for one in islice(value, _SHOWN))))
        return found
    return [(f"type({name})", kind.__name__)]


def attribute_of(owner: Any, name: str) -> tuple[bool, Any]:
    """Whether `owner` has an attribute `name` in its own dictionary, and its value; no property or descriptor runs."""
    try:
        held = object.__getattribute__(owner, "__dict__")
    except Exception:
        return False, None
    if type(held) is dict and name in held:
        return True, held[name]
    return False, None


def _shown(value: Any) -> str:
    if type(value) in (str, int, float, bytes, bool, type(None)):
        return repr(value)[:_LONGEST]
    return type(value).__name__
