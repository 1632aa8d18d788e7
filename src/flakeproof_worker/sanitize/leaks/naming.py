"""What things are called in findings: by the code that they run, with numbers that vary left out."""

import re
from functools import partial
from typing import Any

_NUMBER = re.compile(r"\d+")


def without_numbers(name: str) -> str:
    """`name` with every number replaced by N, so that "worker-1" and "worker-12" are one finding."""
    return _NUMBER.sub("N", name)


def name_of(function: Any) -> str:
    """The qualified name of a function, method, partial or callable object."""
    for _ in range(10):
        if not isinstance(function, partial):
            break
        function = function.func
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else type(function).__qualname__


def named(noun: str, code: str, name: str, *, automatic: bool) -> str:
    """`noun code`, and its name if somebody has given it one."""
    return f"{noun} {code}" if automatic else f"{noun} {code} named {without_numbers(name)}"
