"""Notice what is done with bare descriptor numbers: `os.open`, `os.close` and their like."""

import _socket
import os
import socket
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from flakeproof_worker.sanitize.descriptors.table import Table

_OPENING = {
    "open": "file",
    "dup": "descriptor",
    "memfd_create": "memory file",
    "eventfd": "event",
    "pidfd_open": "process descriptor",
    "posix_openpt": "terminal",
}
_OPENING_TWO = {"pipe": "pipe", "pipe2": "pipe", "openpty": "terminal"}
_USING = ("read", "write", "pread", "pwrite", "readv", "writev", "lseek", "ftruncate", "fsync", "fdatasync")
_SUPPORTING = ("supports_dir_fd", "supports_effective_ids", "supports_fd", "supports_follow_symlinks")
"""Sets of functions in `os`, which code asks whether a function is in them."""


class _Call:
    """Stands in for a builtin function: no method, even where it is an attribute of a class."""

    def __init__(self, original: Callable[..., Any], call: Callable[..., Any]) -> None:
        update_wrapper(self, original)
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return str(self.__name__)  # type: ignore[attr-defined]  # as for any function: by its name


def install(table: Table) -> None:
    """Replace the functions of `os` and `socket`."""
    for name, kind in _OPENING.items():
        _replace(os, name, partial(_opening, table, kind))
    for name, kind in _OPENING_TWO.items():
        _replace(os, name, partial(_opening_two, table, kind))
    for name in _USING:
        _replace(os, name, partial(_using, table))
    _replace(os, "closerange", partial(_closing_range, table))
    close = _replace(os, "close", partial(_closing, table))
    modules: list[Any] = [socket, _socket]
    for module in modules:
        module.close = close


def _replace(module: Any, name: str, make: Callable[[Any], Callable[..., Any]]) -> _Call | None:
    original = getattr(module, name, None)
    if original is None:
        return None
    call = _Call(original, make(original))
    setattr(module, name, call)
    for supporting in _SUPPORTING:
        functions = getattr(module, supporting, None)
        if functions is not None and original in functions:
            functions.add(call)
    return call


def _opening(table: Table, kind: str, original: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        since = table.moment
        number = original(*args, **kwargs)
        table.opened(number, kind, name=_name(args) if kind == "file" else "", since=since, skip=4)
        return number

    return call


def _opening_two(table: Table, kind: str, original: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        pair = original(*args, **kwargs)
        for number in pair:
            table.opened(number, kind, skip=4)
        return pair

    return call


def _using(table: Table, original: Any) -> Callable[..., Any]:
    def call(number: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            table.used(number, skip=4)
            return original(number, *args, **kwargs)
        except OSError as error:
            table.use_failed(number, error, skip=4)
            raise

    return call


def _closing(table: Table, original: Any) -> Callable[..., Any]:
    def call(fd: Any) -> Any:
        number = fd if type(fd) is int else _as_number(fd)
        owner = table.closes(number, skip=4)
        try:
            return original(fd)
        except OSError as error:
            if owner is None:
                table.close_failed(number, error, skip=4)
            raise
        finally:
            table.gone(owner)

    return call


def _closing_range(table: Table, original: Any) -> Callable[..., Any]:
    def call(fd_low: int, fd_high: int, /) -> Any:
        table.closes_range(fd_low, fd_high, skip=4)
        return original(fd_low, fd_high)

    return call


def _as_number(fd: Any) -> int:
    """What the original will make of it; -1 where that will be an error."""
    try:
        return int(fd.__index__())
    except Exception:
        return -1


def _name(args: tuple[Any, ...]) -> str:
    try:
        return os.fsdecode(args[0])
    except Exception:
        return ""
