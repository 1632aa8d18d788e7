"""What a diagnosis of a known flake is worth, whoever made it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from tests.planted.catalogue import Plant

NEAR = 2
"""Lines between a place and a guilty line that still are the same place."""


class Judgement(StrEnum):
    """How well the cause was named."""

    EXACTLY = "exactly"
    """The best supported cause is right, and so is its place."""
    PARTLY = "partly"
    """A supported cause is right, or is in the right place, or in the test that leaves something behind."""
    WRONG = "wrong"
    """Causes are supported, but none is right or in the right place."""
    NONE = "none"
    """No cause is supported."""


@dataclass(frozen=True)
class Place:
    """Where a cause is said to be."""

    file: str
    line: int | None = None
    function: str | None = None


@dataclass(frozen=True)
class Claim:
    """A cause that is said to be supported."""

    cause: str
    place: Place | None = None


@dataclass(frozen=True)
class Answer:
    """What a tool says of one project, best claim first, and the seconds that it took."""

    claims: tuple[Claim, ...]
    seconds: float
    said: str = ""
    """In the tool's own words, short."""


def claims_of(diagnosis: dict[str, Any]) -> tuple[Claim, ...]:
    """The causes that are proven or supported, of `flakeproof diagnose --json -`."""
    return tuple(
        Claim(cause["cause"], _place(cause["place"]))
        for cause in diagnosis["causes"]
        if cause["status"] in ("proven", "supported")
    )


def _place(place: dict[str, Any] | None) -> Place | None:
    return None if place is None else Place(place["file"], place.get("line"), place.get("function"))


def place_of(node: str) -> Place:
    """The place of a test that is named by its id for pytest."""
    file, _, rest = node.partition("::")
    return Place(file, function=rest.rpartition("::")[2].partition("[")[0])


def judge(claims: Sequence[Claim], plant: Plant) -> Judgement:
    """How well `claims`, the best first, name the cause of a plant."""
    if not claims:
        return Judgement.NONE
    if claims[0].cause in plant.causes and is_guilty(claims[0].place, plant):
        return Judgement.EXACTLY
    for claim in claims:
        if claim.cause in plant.causes or is_guilty(claim.place, plant) or _is_polluter(claim.place, plant):
            return Judgement.PARTLY
    return Judgement.WRONG


def _is_polluter(place: Place | None, plant: Plant) -> bool:
    if place is None or not plant.polluter:
        return False
    polluter = place_of(plant.polluter)
    return PurePath(place.file).match(polluter.file) and place.function == polluter.function


def is_guilty(place: Place | None, plant: Plant) -> bool:
    """Whether a place is a guilty line, next to one, or in the function of one."""
    if place is None:
        return False
    for guilty in plant.guilty():
        if not PurePath(place.file).match(guilty.file):
            continue
        if place.line is not None and abs(place.line - guilty.line) <= NEAR:
            return True
        if place.function is not None and place.function.rpartition(".")[2] == guilty.function:
            return True
    return False
