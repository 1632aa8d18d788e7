"""How goods are written and read, by format."""

import json
from collections.abc import Callable
from typing import Any

_writers: dict[str, Callable[[Any], str]] = {}


def register(name: str, writer: Callable[[Any], str]) -> None:
    """Make a format known."""
    _writers[name] = writer


def register_defaults() -> None:
    """Make the usual formats known."""
    register("json", json.dumps)
    register("text", str)


def write(name: str, value: Any) -> str:
    """Write `value` in a format. Raises LookupError for one that is not known."""
    if name not in _writers:
        raise LookupError(f"no format {name!r}")
    return _writers[name](value)
