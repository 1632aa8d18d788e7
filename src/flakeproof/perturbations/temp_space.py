"""`--temp-space`: little room for temporary files."""

from typing import Any

from flakeproof.model import Target
from flakeproof.perturbations.namespaces import hindered
from flakeproof.perturbations.perturbation import Hindrance, Kind
from flakeproof.text import parse_size, size

_LEAST = 4096
"""A page of memory: what is less is as much."""
_MOST = 1 << 40


def _parse(given: Any) -> int:
    found = parse_size(str(given))
    if not _LEAST <= found <= _MOST:
        raise ValueError(f"{given} is not between {size(_LEAST)} and {size(_MOST)}")
    return found


def _hindrance(value: int, target: Target) -> Hindrance | None:
    return hindered("mount")


def _words(value: int) -> list[str]:
    return ["--temp-space", size(value)]


TEMP_SPACE = Kind("temp-space", "temp_space", _parse, _words, hindrance=_hindrance)
