"""What an answer about a flake whose cause is known is worth.

The rule: an answer is *exactly* right if the cause that leads it is proven or supported and names the truth; *partly*
if another proven or supported cause does, or one is of the right kind; *wrong* if causes are proven or supported and
none is so; *none* if none is proven or supported. To name the truth is to give a line within its ranges or next to one,
a culprit's id, or words that match its state.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Any

from benchmarks.real_flakes.cases import Truth

NEAR = 1
"""Lines between a place and the truth that still are the same place."""
_SURE = ("proven", "supported")
_PLACE = re.compile(r"([\w./+-]+\.py):(\d+)(?:-(\d+))?")


class Judgement(StrEnum):
    """How well the cause was named."""

    EXACTLY = "exactly"
    PARTLY = "partly"
    WRONG = "wrong"
    NONE = "none"


def claims_of_diagnosis(diagnosis: Mapping[str, Any]) -> list[str]:
    """What `flakeproof diagnose --json` says of each proven or supported cause, the best first."""
    return [_said(cause) for cause in diagnosis.get("causes", []) if cause["status"] in _SURE]


def claims_of_isolation(isolation: Mapping[str, Any]) -> list[str]:
    """What `flakeproof isolate --json` says of each set of culprits: their ids, and what they leave behind."""
    claims = []
    for found in isolation.get("culprits", []):
        carriers = [carrier for carrier in found["carriers"] if carrier.get("decides") is not False]
        parts = [f"order-polluter: {member['test']}" for member in found["members"]]
        parts += [f"{one['kind']} {one['name']} {one['place']} {one['changed_at']}" for one in carriers]
        claims.append("\n".join(parts))
    return claims


def _said(cause: Mapping[str, Any]) -> str:
    place = cause.get("place")
    where = f"{place['file']}:{place['line']}" if place else ""
    return "\n".join([f"{cause['cause']}: {cause['statement']}", where, *map(str, cause.get("evidence", ()))])


def judge(claims: Sequence[str], truth: Truth) -> Judgement:
    """How well `claims`, the best first, name the truth."""
    if not claims:
        return Judgement.NONE
    if names(claims[0], truth):
        return Judgement.EXACTLY
    right = any(names(claim, truth) or claim.startswith(tuple(f"{one}:" for one in truth.causes)) for claim in claims)
    return Judgement.PARTLY if right else Judgement.WRONG


def names(claim: str, truth: Truth) -> bool:
    """Whether a claim names the truth."""
    return (
        any(_is_at(place, line) for line in truth.lines for place in _places(claim))
        or any(culprit in claim for culprit in truth.culprits)
        or bool(truth.state and re.search(truth.state, claim))
    )


def _places(text: str) -> Iterable[tuple[str, int, int]]:
    for match in _PLACE.finditer(text):
        first = int(match[2])
        yield match[1], first, int(match[3] or first)


def _is_at(place: tuple[str, int, int], line: str) -> bool:
    ((file, first, last),) = _places(line)
    is_file = PurePath(place[0]).match(file) or PurePath(file).match(place[0])
    return is_file and first - NEAR <= place[1] <= last + NEAR
