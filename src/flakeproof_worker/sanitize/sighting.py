"""What a sanitizer has seen: something mishandled or left behind, the code that took part, and how to show it."""

import sys
from collections.abc import Sequence
from types import CodeType, FrameType
from typing import NamedTuple

from flakeproof_worker.shared.private import os
from flakeproof_worker.shared.user_code import is_library


class CodeLine(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str


Stack = tuple[tuple[CodeType, int], ...]
"""Frames, innermost first, in a form that is cheap to take: code object and instruction offset (`f_lasti`)."""


class SightingPart(NamedTuple):
    """One side of a finding."""

    role: str
    """What the code did: "created", "opened", "closed" …"""
    stack: tuple[CodeLine, ...]
    """Innermost first."""
    trial: int
    """Number of the trial; 0: none, or unknown."""
    item: str
    """pytest's id of the test, "" if there is none."""


class Sighting(NamedTuple):
    """One finding of a sanitizer."""

    sanitizer: str
    kind: str
    """What happened: "thread left running", "closed twice" …"""
    what: str
    """What it happened to, without numbers that vary: "thread Server._serve"."""
    text: str
    """The sentence for people."""
    parts: tuple[SightingPart, ...]
    """The code to blame comes first."""


LIMIT = 12
"""How many frames of a stack are kept."""

_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STANDARD = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


def here(skip: int = 1, limit: int = LIMIT) -> Stack:
    """The caller's stack, innermost first; it begins with the caller's own frame for `skip` 1, its caller's for 2."""
    try:
        frame: FrameType | None = sys._getframe(skip)
    except ValueError:
        return ()
    return of_frame(frame, limit)


def of_frame(frame: FrameType | None, limit: int = LIMIT) -> Stack:
    """The stack whose innermost frame is `frame`; empty for None."""
    taken: list[tuple[CodeType, int]] = []
    while frame is not None and len(taken) < limit:
        taken.append((frame.f_code, frame.f_lasti))
        frame = frame.f_back
    return tuple(taken)


def places(stack: Stack) -> tuple[CodeLine, ...]:
    """The lines of code in `stack`, innermost first, without flakeproof's own."""
    return tuple(
        CodeLine(code.co_filename, _line(code, offset), code.co_qualname)
        for code, offset in stack
        if not code.co_filename.startswith(_OURS)
    )


def _line(code: CodeType, offset: int) -> int:
    """The line of the instruction at `offset`; this takes microseconds, too long to do for each frame at once."""
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def user_place(stack: tuple[CodeLine, ...]) -> CodeLine | None:
    """The innermost line of the user's own code: not of the standard library, installed packages, or flakeproof."""
    return next((place for place in stack if is_users(place.file)), None)


def is_users(file: str) -> bool:
    """Whether the code in `file` is the user's own."""
    return not (file.startswith((_OURS, _STANDARD)) or is_library(file))


def line(places: Sequence[CodeLine]) -> str:
    """For example `server.py:88`: the user's own line, if there is one; `places` has the innermost first."""
    place = user_place(tuple(places)) or (places[0] if places else None)
    return f"{os.path.basename(place.file)}:{place.line}" if place is not None else "an unknown place"


def at(places: Sequence[CodeLine], who: tuple[int, str]) -> str:
    """For example `at server.py:88 in test_x.py::test_y (test 12)`, as far as `who` is known."""
    trial, item = who
    if not trial:
        return f"at {line(places)}"
    return f"at {line(places)} in {item} (test {trial})" if item else f"at {line(places)} in test {trial}"


class LeakedError(Exception):
    """The trial has passed and has left something behind; `fails` is whether that counts as a failure."""

    def __init__(self, sightings: list[Sighting], *, fails: bool) -> None:
        more = f" (and {len(sightings) - 1} more)" if len(sightings) > 1 else ""
        super().__init__(sightings[0].text + more)
        self.sightings = sightings
        self.fails = fails
