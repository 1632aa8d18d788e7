"""What a sanitizer has seen: something mishandled or left behind, and the lines of code that had a part in it."""

from types import CodeType
from typing import NamedTuple


class Place(NamedTuple):
    """A line of code."""

    file: str
    line: int
    function: str


Stack = tuple[tuple[CodeType, int], ...]
"""Innermost first, as it is cheap to take: code object and offset of the instruction (`f_lasti`)."""


class Part(NamedTuple):
    """One side of a finding."""

    role: str
    """What it did: "created", "opened", "closed" …"""
    stack: tuple[Place, ...]
    """Innermost first."""
    trial: int
    """0: none, or not known."""
    item: str
    """pytest's id of the test, "" if there is none."""


class Sighting(NamedTuple):
    """One thing that was seen."""

    sanitizer: str
    kind: str
    """What happened: "thread left running", "closed twice" …"""
    what: str
    """To what, without numbers that vary: "thread Server._serve"."""
    text: str
    """The sentence for people."""
    parts: tuple[Part, ...]
    """The guilty one first."""
