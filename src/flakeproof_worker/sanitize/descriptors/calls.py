"""Watch what Python code does with descriptors: by bare number, through file objects, through sockets."""

import _io
import _socket
import builtins
import io
import os
import socket
import threading
from collections.abc import Callable
from functools import partial, update_wrapper
from typing import Any

from flakeproof_worker.sanitize.descriptors.table import OwnerTable

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
"""Sets in `os` of the functions that support a feature."""


class _Call:
    """Replaces a builtin function; like that, it does not become a method as an attribute of a class."""

    def __init__(self, original: Callable[..., Any], call: Callable[..., Any]) -> None:
        update_wrapper(self, original)
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __repr__(self) -> str:
        return repr(self.__wrapped__)  # type: ignore[attr-defined]

    def __reduce__(self) -> str:
        return str(self.__name__)  # type: ignore[attr-defined]  # pickled by name, like any function


def watch_numbers(table: OwnerTable) -> None:
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


def _opening(table: OwnerTable, kind: str, original: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        since = table.moment
        number = original(*args, **kwargs)
        table.opened(number, kind, name=_name(args) if kind == "file" else "", since=since, skip=4)
        return number

    return call


def _opening_two(table: OwnerTable, kind: str, original: Any) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        pair = original(*args, **kwargs)
        for number in pair:
            table.opened(number, kind, skip=4)
        return pair

    return call


def _using(table: OwnerTable, original: Any) -> Callable[..., Any]:
    def call(number: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            table.used(number, skip=4)
            return original(number, *args, **kwargs)
        except OSError as error:
            table.use_failed(number, error, skip=4)
            raise

    return call


def _closing(table: OwnerTable, original: Any) -> Callable[..., Any]:
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


def _closing_range(table: OwnerTable, original: Any) -> Callable[..., Any]:
    def call(fd_low: int, fd_high: int, /) -> Any:
        table.closes_range(fd_low, fd_high, skip=4)
        return original(fd_low, fd_high)

    return call


def _as_number(fd: Any) -> int:
    """The number that the original function will see; -1 if it will raise an error."""
    try:
        return int(fd.__index__())
    except Exception:
        return -1


def _name(args: tuple[Any, ...]) -> str:
    try:
        return os.fsdecode(args[0])
    except Exception:
        return ""


_KIND_FILES = "file"
_LETTERS = frozenset("rwxab+t")
_BUFFERED = 1 << 13


def watch_files(table: OwnerTable) -> None:
    """Replace `open`."""
    original = io.open

    class FileIO(io.FileIO):
        """The raw layer of an open file, which reports to the table when it is closed."""

        __module__ = "_io"

        def __init__(self, file: Any, mode: str, closefd: bool, opener: Any) -> None:
            since = table.moment
            super().__init__(file, mode, closefd, opener)
            self._owns = closefd
            if closefd and isinstance(file, int):
                table.wrapped(self.fileno(), _KIND_FILES, self, skip=4)
            elif closefd:
                table.opened(self.fileno(), _KIND_FILES, self, _text(file), since=since, skip=4)

        def _dealloc_warn(self, source: Any) -> None:
            """Called by the layer above when that is collected unclosed."""
            self._collected = True
            super()._dealloc_warn(source)  # type: ignore[misc]  # typeshed does not know it

        def close(self) -> None:
            """Close the file."""
            owner = None
            if not self.closed and getattr(self, "_owns", False):
                finalises = getattr(self, "_finalizing", False) or getattr(self, "_collected", False)
                owner = table.thing_closes(self.fileno(), self, finalises=finalises, skip=3)
            try:
                super().close()
            finally:
                table.gone(owner)

        def __reduce_ex__(self, protocol: Any) -> Any:
            raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def open(  # noqa: A001 - the name of the original
        file: Any,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Any = None,
    ) -> Any:
        letters = set(mode) if type(mode) is str else set()
        binary, updating = "b" in letters, "+" in letters
        everyday = (
            type(mode) is str
            and letters <= _LETTERS
            and len(letters) == len(mode)
            and len(letters & set("rwxa")) == 1
            and not (binary and "t" in letters)
            and not (binary and (encoding is not None or errors is not None or newline is not None))
            and (buffering in (-1, 0, 1) or (type(buffering) is int and buffering > 1))
            and not (buffering == 0 and not binary)
            and not (buffering == 1 and binary)
        )
        if not everyday:
            return original(file, mode, buffering, encoding, errors, newline, closefd, opener)
        if not binary:
            encoding = io.text_encoding(encoding, 2)
        raw = FileIO(file, "".join(letters & set("rwxa+")), closefd, opener)
        top: Any = raw
        try:
            line_buffering = not binary and (buffering == 1 or (buffering < 0 and raw.isatty()))
            if buffering == 0:
                return raw
            size = buffering if buffering > 1 else max(_block_size(raw), 1)
            if updating:
                top = io.BufferedRandom(raw, size)
            elif letters & set("wxa"):
                top = io.BufferedWriter(raw, size)
            else:
                top = io.BufferedReader(raw, size)
            if binary:
                return top
            top = io.TextIOWrapper(top, encoding, errors, newline, line_buffering)
            top.mode = mode
        except BaseException:
            top.close()
            raise
        return top

    FileIO.__qualname__ = "FileIO"
    open.__doc__, open.__module__, open.__qualname__ = original.__doc__, "_io", "open"
    open.__wrapped__ = original  # type: ignore[attr-defined]
    for module in (io, _io, builtins):
        module.open = open  # type: ignore[attr-defined]


def _block_size(raw: Any) -> int:
    try:
        size = int(os.fstat(raw.fileno()).st_blksize)
    except (OSError, AttributeError):
        size = 0
    return size if size > 1 else _BUFFERED


def _text(file: Any) -> str:
    try:
        return os.fsdecode(file)
    except TypeError:
        return ""


_KIND_SOCKETS = "socket"


def watch_sockets(table: OwnerTable) -> None:
    """Replace methods of `socket.socket`: so subclasses, and code that has imported the class before, are seen, too."""
    kind: Any = socket.socket
    init, accept, close, detach = kind.__init__, kind.accept, kind._real_close, kind.detach
    finalise = _socket.socket.__del__  # type: ignore[attr-defined]  # typeshed does not know it
    given = threading.local()
    """`since`: the moment at which this thread's `accept` began, which makes an object of a new number; else None."""

    def initialise(
        self: Any,
        family: int = -1,
        type: int = -1,  # noqa: A002 - the name in the original
        proto: int = -1,
        fileno: Any = None,
    ) -> None:
        given_out = getattr(given, "since", None)
        since = table.moment if given_out is None else given_out
        init(self, family, type, proto, fileno)
        number = self.fileno()
        if fileno is None or given_out is not None:
            table.opened(number, _KIND_SOCKETS, self, since=since, skip=3)
        else:
            table.wrapped(number, _KIND_SOCKETS, self, skip=3)

    def accepting(self: Any) -> Any:
        given.since = table.moment
        try:
            return accept(self)
        finally:
            given.since = None

    def closing(self: Any, *args: Any) -> None:
        number = self.fileno()
        owner = table.thing_closes(number, self, skip=3) if number >= 0 else None
        try:
            close(self, *args)
        finally:
            table.gone(owner)

    def detaching(self: Any) -> int:
        number: int = detach(self)
        if number >= 0:
            table.released(number, self, skip=3)
        return number

    def finalised(self: Any) -> None:
        number = self.fileno()
        owner = table.thing_closes(number, self, finalises=True, skip=3) if number >= 0 else None
        finalise(self)
        table.gone(owner)

    update_wrapper(initialise, init)
    update_wrapper(accepting, accept)
    update_wrapper(detaching, detach)
    update_wrapper(closing, close)
    kind.__init__, kind.accept, kind._real_close, kind.detach = initialise, accepting, closing, detaching
    kind.__del__ = finalised
