"""Targets that write into what is flakeproof's, or raise what nothing can be asked of."""

import ctypes
import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import flakeproof

_TARGET = 3
"""The trial that misbehaves, where it is but one."""


def _say(*lines: object) -> None:
    """Write into every socket that this process has."""
    for link in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):  # the descriptor of the list itself
            if stat.S_ISSOCK(os.fstat(int(link.name)).st_mode):
                for line in lines:
                    data = line if isinstance(line, bytes) else json.dumps(line).encode()
                    os.write(int(link.name), data + b"\n")


def _ended(**fields: Any) -> dict[str, Any]:
    return {"type": "ended", "trial": flakeproof.current_trial().number, "outcome": "failed", "ns": 1, **fields}


def passes_counted() -> None:
    """Tell of more trials that passed than there are numbers."""
    _say({"type": "passed", "count": 2**64 - 2, "durations": [[1, 2**64 - 2]], "leases": 0})


def one_pass_too_many() -> None:
    """Tell of one more trial that passed."""
    _say({"type": "passed", "count": 1, "durations": [[1, 1]], "leases": 0})


def ended_twice() -> None:
    """Tell of the same end again and again."""
    _say(*[_ended(outcome="skipped", reason="")] * 9)


def ended_elsewhere() -> None:
    """Tell of a trial that is nobody's."""
    _say(_ended(trial=2**62))


def leases_ended() -> None:
    """Tell of more leases than there are."""
    _say({"type": "passed", "count": 0, "durations": [], "leases": 5_000})


def counts_below_zero() -> None:
    """Take back what has passed."""
    _say({"type": "passed", "count": -3, "durations": [[1, -3]], "leases": 0})


def no_exception() -> None:
    """Tell of a failure that is described by nothing."""
    _say(_ended(failure={"message": 3}))


def deep_exception() -> None:
    """Tell of a failure that was caused by one that was caused by one …"""
    found: dict[str, Any] = {}
    for _ in range(400):
        found = {"type": "E", "message": "", "frames": [], "cause": found}
    _say(_ended(failure=found))


def deep_nonsense() -> None:
    """Say something that is nested deeper than any reader goes."""
    _say(b'{"type": "ended", "failure": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001)


def ready_again() -> None:
    """Begin once more."""
    _say({"type": "ready", "lanes": "../../x", "python": "3", "load_ns": 1, "items": ["a"] * 3})


def unloadable_now() -> None:
    """Take back that it is loaded."""
    _say({"type": "unloadable", "kind": "x", "message": "no", "details": ""})


def board_overwritten() -> None:
    """Write over the memory that shows what runs."""
    if flakeproof.current_trial().number == _TARGET:
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "flakeproof-board" in line:
                begin, end = (int(text, 16) for text in line.split()[0].split("-"))
                ctypes.memset(begin + 8, 0xFF, min(end - begin, 40))


def _evil(*arguments: object, **named: object) -> NoReturn:
    raise ZeroDivisionError("whatever it is asked")


_METHODS = (
    *("__str__", "__repr__", "__len__", "__getitem__", "__add__", "__eq__", "__hash__", "__format__", "__iter__"),
    *("encode", "partition", "rpartition", "split", "splitlines", "strip", "replace", "startswith"),
)
EvilText = type("EvilText", (str,), dict.fromkeys(_METHODS, _evil))


def text_that_raises() -> None:
    """An exception whose text is a `str` that raises in every method."""
    raise type("Odd", (Exception,), {"__str__": lambda self: EvilText("said"), "__module__": EvilText("m")})


class _EvilMeta(type):
    def __getattribute__(cls, name: str) -> object:
        raise ZeroDivisionError(name)

    __hash__ = _evil
    __eq__ = _evil


class UnaskableError(Exception, metaclass=_EvilMeta):
    """Raises whenever it, or its class, is asked anything."""

    def __getattribute__(self, name: str) -> object:
        raise ZeroDivisionError(name)

    __str__ = _evil
    __repr__ = _evil
    __hash__ = _evil
    __eq__ = _evil


def class_that_raises() -> None:
    """An exception that raises whenever it, or its class, is asked anything."""
    raise UnaskableError


def error_without_number() -> None:
    """An OSError whose number cannot be read."""
    raise type("Odd", (OSError,), {"errno": property(_evil), "__cause__": property(_evil)})(5, "said")


def group_of_groups() -> None:
    """A group that is nested deeper than a reader goes."""
    error: Exception = ValueError("inmost")
    for _ in range(2000):
        error = ExceptionGroup("outer", [error])
    raise error


def result_that_raises() -> object:
    """Return what cannot be hashed, because its class cannot."""
    return _EvilMeta("Odd", (), {})()
