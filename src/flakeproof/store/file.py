"""A file that only grows and may fail at any time; and JSON for text that is not valid UTF-8."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from flakeproof.model import Record


class GrowingFile:
    """Appends to a file until that fails; from then on it does nothing, so that the run can go on."""

    def __init__(self, path: Path, failed: Callable[[OSError], None], *, buffer: int = 0) -> None:
        """`failed` is called with the first error; up to `buffer` bytes are held back."""
        self._failed = failed
        self._limit = buffer
        self._held = bytearray()
        self._descriptor: int | None = None
        self.size = 0
        """Bytes written or held back."""
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            failed(error)

    def write(self, data: bytes) -> None:
        """Append `data`, at once or when more than `buffer` bytes are held back."""
        if self._descriptor is None:
            return
        self.size += len(data)
        self._held += data
        if len(self._held) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        while self._held and self._descriptor is not None:
            try:
                written = os.write(self._descriptor, self._held)
            except OSError as error:
                self._give_up(error)
            else:
                del self._held[:written]

    def close(self) -> None:
        """Write what is held back and close; may be called twice."""
        self.flush()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                os.close(descriptor)
            except OSError as error:  # some file systems report errors only now
                self._failed(error)

    def _give_up(self, error: OSError) -> None:
        self._held.clear()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
        self._failed(error)


_MARK = "\ue0ff"
_ODD = re.compile(f"[\udc80-\udcff{_MARK}]")
_WRITTEN = re.compile(f"{_MARK}([0-9a-f]{{2}})")
_Recorded = TypeVar("_Recorded", bound=Record)


def as_json(record: Any) -> bytes:
    """`record` as JSON, even if it contains names of files that are not valid UTF-8."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:
        data = b""
    if data and _MARK.encode() not in data:
        return data
    return msgspec.json.encode(_mapped(msgspec.to_builtins(record), _writable))


def as_document(record: Any) -> bytes:
    """`record` as JSON for other programs: bytes that are not valid UTF-8 are shown as escapes."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.json.encode(_mapped(msgspec.to_builtins(record), _shown))


def as_written(record: _Recorded) -> _Recorded:
    """Restore the original names in a record that was decoded from the result of `as_json`."""
    builtins = msgspec.to_builtins(record)
    mapped = _mapped(builtins, _restored)
    return record if mapped == builtins else msgspec.convert(mapped, type(record))


def _mapped(value: Any, of_text: Any) -> Any:
    match value:
        case str():
            return of_text(value)
        case dict():
            return {of_text(name): _mapped(inner, of_text) for name, inner in value.items()}
        case list() | tuple():
            return [_mapped(inner, of_text) for inner in value]
    return value


def _writable(text: str) -> str:
    marked = _ODD.sub(lambda found: f"{_MARK}{0 if found[0] == _MARK else ord(found[0]) - 0xDC00:02x}", text)
    return marked.encode(errors="backslashreplace").decode()


def _shown(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()


def _restored(text: str) -> str:
    return _WRITTEN.sub(lambda found: _MARK if found[1] == "00" else chr(0xDC00 + int(found[1], 16)), text)
