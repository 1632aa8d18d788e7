"""What a failure names that copies of a test share: a taken address, a locked file or database, a name that exists.

Such a failure may be the doing of who ran several copies at once. Whether it is, only trials alone can tell.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flakeproof.failures.signature import is_library, own_frames
from flakeproof.model import Failure

_TAKEN = re.compile(r"EADDRINUSE|address (?:is )?already in use|port \d+ is (?:already )?in use", re.IGNORECASE)
_LOCKED = re.compile(
    r"(?:database|table|file|schema)(?: \S+)? is (?:already )?locked|could not (?:obtain|acquire|get) (?:a )?lock"
    r"|already locked|held by another process|being used by another process|being accessed by other users",
    re.IGNORECASE,
)
_EXISTS = re.compile(r"FileExistsError|EEXIST|file exists|already exists|is already in use by container", re.IGNORECASE)
_PORT = re.compile(r"\('[^']*', (\d+)|(?<=:)(\d{2,5})\b|port:? (\d+)")
_NAME = re.compile(r"'([^']+)'|\"([^\"]+)\"")
_LONGEST = 80
_TAIL = 4000
"""Characters of what a command has written that are looked at: what it failed with stands at the end."""


@dataclass(frozen=True)
class SharedThing:
    """A thing, and the line that wanted it."""

    what: str
    """`port 8000`, `a locked database`, `/tmp/name`."""
    place: str
    """`file:line`, "" where that is not known."""
    is_address: bool


def named_in(failure: Failure) -> SharedThing | None:
    """The thing that `failure` names; None for most failures."""
    for text, frames in _texts(failure):
        for pattern, words in ((_TAKEN, _address), (_LOCKED, _lock), (_EXISTS, _name)):
            if (found := pattern.search(text)) is not None:
                return SharedThing(words(text, found), _place(frames, failure), pattern is _TAKEN)
    return None


def _texts(failure: Failure) -> Iterator[tuple[str, list[tuple[str, int, str]]]]:
    """What is said of a failure, with the frames of each exception in it: what caused it comes first."""
    exceptions = list(_exceptions(failure.details.get("exception")))
    for one in reversed(exceptions):
        yield f"{one['type']} {one.get('errno', '')}: {one['message']}", one["frames"]
    yield failure.message, exceptions[0]["frames"] if exceptions else []
    yield failure.output[-_TAIL:], []


def _exceptions(described: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    if described is not None:
        yield described
        yield from _exceptions(described.get("cause"))
        for inner in described.get("inner", ()):
            yield from _exceptions(inner)


def _address(text: str, found: re.Match[str]) -> str:
    port = _PORT.search(_line(text, found))
    return f"port {next(filter(None, port.groups()))}" if port is not None else "an address"


def _lock(text: str, found: re.Match[str]) -> str:
    return "a locked database" if "database" in found[0].lower() else "a lock"


def _name(text: str, found: re.Match[str]) -> str:
    names = [match[1] or match[2] for match in _NAME.finditer(_line(text, found))]
    return next((name for name in names if name and len(name) <= _LONGEST), "a name that exists")


def _line(text: str, found: re.Match[str]) -> str:
    """The line in which something was found, from a little before it on."""
    begin = max(text.rfind("\n", 0, found.start()) + 1, found.start() - _LONGEST)
    return text[begin:].partition("\n")[0][: 4 * _LONGEST]


def _place(frames: list[tuple[str, int, str]], failure: Failure) -> str:
    file, line, _ = own_frames(frames)[-1] if frames else ("", 0, "")
    place = f"{file}:{line}" if file else str(failure.details.get("place") or "")
    return "" if is_library(place) else place
