"""Text with bytes that are no UTF-8, as names of files may have them, in a record that is JSON.

Python has such a byte as half a character (PEP 383), which no JSON has. In a record a private character stands before
the two digits of the byte; before `00` it is that character itself.
"""

import re
from typing import Any, TypeVar

import msgspec

from flakeproof.model import Record

_MARK = "\ue0ff"
_ODD = re.compile(f"[\udc80-\udcff{_MARK}]")
_WRITTEN = re.compile(f"{_MARK}([0-9a-f]{{2}})")
_Recorded = TypeVar("_Recorded", bound=Record)


def as_json(record: Any) -> bytes:
    """`record` as JSON, whatever names of files are in it."""
    try:
        data = msgspec.json.encode(record)
    except UnicodeEncodeError:
        data = b""
    if data and _MARK.encode() not in data:
        return data
    return msgspec.json.encode(_mapped(msgspec.to_builtins(record), _writable))


def as_document(record: Any) -> bytes:
    """`record` as JSON for others: such bytes are shown as escapes."""
    try:
        return msgspec.json.encode(record)
    except UnicodeEncodeError:
        return msgspec.json.encode(_mapped(msgspec.to_builtins(record), _shown))


def as_written(record: _Recorded) -> _Recorded:
    """A record that was decoded from that, with the names as they were."""
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
