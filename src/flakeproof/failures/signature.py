"""The identity of a failure: the same bug counts as one; and patterns that let several signatures count as one."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from flakeproof_worker.shared.user_code import is_installed

Frame = tuple[str, int, str]

_MASKS = [
    (re.compile(r"^[ \t]*\?[ \t^+-]+$", re.MULTILINE), ""),  # below two lines that differ: where (difflib, pytest)
    (
        re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE),
        "<uuid>",
    ),
    (
        re.compile(r"\[?(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:]+[0-9a-f])\]?:\d+", re.IGNORECASE),
        "<address>",
    ),
    (
        re.compile(r"\(?'(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)', \d+(?:, \d+, \d+)?\)?"),
        "<address>",
    ),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"(?:/tmp|/var/tmp|/private/var/folders|/dev/shm)/[^\s'\",:;)\]]*"), "<tmp>"),
]
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:[.,]\d+)*(?:e[-+]?\d+)?(?=\b|[a-zµ%])", re.IGNORECASE)
_ERRNO = re.compile(r"\[Errno (\d+)\]")
_FRAMES = 3
_MESSAGE_LIMIT = 200


def normalised(message: str) -> str:
    """`message` without what differs between two occurrences: addresses, numbers, times, temporary paths."""
    text = message
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    text = _ERRNO.sub(r"[Errno~\1]", text)
    parts = re.split(r"(\[Errno~\d+\])", text)
    kept = [part.replace("~", " ") if part.startswith("[Errno~") else _NUMBER.sub("<n>", part) for part in parts]
    return " ".join("".join(kept).split())[:_MESSAGE_LIMIT]


def of_exception(details: dict[str, Any]) -> str:
    """Signature of a described exception (`flakeproof_worker.outcome.describe`)."""
    kind = details["type"].rpartition(".")[2]
    errno = f"[{details['errno']}]" if details.get("errno") else ""
    frames = own_frames(details["frames"])[-_FRAMES:]
    where = " < ".join(f"{PurePath(file).stem}:{function}" for file, _, function in reversed(frames))
    return f"{kind}{errno} {normalised(details['message'])} at {where or '?'}"


def own_frames(frames: Sequence[Frame]) -> Sequence[Frame]:
    """Those of (file, line, function) that are in the user's code, not in a library; all where none is."""
    return [frame for frame in frames if not is_library(frame[0])] or frames


def is_library(file: str) -> bool:
    """Whether `file` is none of the user's."""
    return is_installed(file) or file.startswith("<frozen")


def of_crash(signal_name: str | None, exit_code: int | None) -> str:
    """Signature of a process that died in a trial."""
    return f"crash by {signal_name}" if signal_name else f"exit with status {exit_code} in the middle of a trial"


_PLACE = re.compile(r"(.+):\d+ \((\S+)\)")


def of_timeout(place: str) -> str:
    """Signature of a trial that hung at `place`, written `file:line (function)`, "" where that is not known.

    Only this one: what else is in the stacks, such as helpers and other threads, differs from one time to the next.
    """
    found = _PLACE.fullmatch(place)
    return f"time limit at {PurePath(found[1]).stem}:{found[2]}" if found else "time limit at ?"


class Alike:
    """Calls each signature by the first pattern that it fits, others by their own name."""

    def __init__(self, patterns: Iterable[str]) -> None:
        """A signature without any `*` is a pattern that fits itself alone."""
        self._patterns = {text: re.compile(".*".join(map(re.escape, text.split("*"))), re.S) for text in patterns}
        self._known: dict[str, str] = {}

    def name(self, signature: str) -> str:
        """The pattern that it fits, or the signature itself."""
        if signature not in self._known:
            fitting = (text for text, pattern in self._patterns.items() if pattern.fullmatch(signature))
            self._known[signature] = next(fitting, signature)
        return self._known[signature]

    def names(self, signatures: Iterable[str]) -> list[str]:
        """Of several signatures, each once."""
        return list(dict.fromkeys(map(self.name, signatures)))
