"""Notice what file objects do with their descriptors.

`io.open` makes an object of the C type `FileIO`, whose closing nobody can see. Ours builds the same layers around a
subclass; whatever is not the everyday case is left to the original.
"""

import _io
import builtins
import io
import os
from typing import Any

from flakeproof_worker.sanitize.descriptors.table import Table

_KIND = "file"
_LETTERS = frozenset("rwxab+t")
_BUFFERED = 1 << 13


def install(table: Table) -> None:
    """Replace `open`."""
    original = io.open

    class FileIO(io.FileIO):
        """The bottom of an open file, which tells when it closes."""

        __module__ = "_io"

        def __init__(self, file: Any, mode: str, closefd: bool, opener: Any) -> None:
            since = table.moment
            super().__init__(file, mode, closefd, opener)
            self._owns = closefd
            if closefd and isinstance(file, int):
                table.wrapped(self.fileno(), _KIND, self, skip=4)
            elif closefd:
                table.opened(self.fileno(), _KIND, self, _text(file), since=since, skip=4)

        def _dealloc_warn(self, source: Any) -> None:
            """Called by whatever was built on top when it is collected unclosed."""
            self._collected = True
            super()._dealloc_warn(source)  # type: ignore[misc]  # typeshed does not know it

        def close(self) -> None:
            """Close it."""
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

    def open(  # noqa: A001 - its name
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
