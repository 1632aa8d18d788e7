"""`--ports`: few ephemeral ports, in a network of one's own."""

from typing import Any

from flakeproof.model import Target
from flakeproof.perturbations.namespaces import hindered
from flakeproof.perturbations.perturbation import Hindrance, Kind, value_words
from flakeproof.text import parse_whole

_MOST = 28_232
"""As many as there are between 32,768 and 60,999, where Linux takes them from."""


def _parse(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST)


def _hindrance(value: int, target: Target) -> Hindrance | None:
    return hindered("network")


PORTS = Kind("ports", "ports", _parse, value_words("ports"), hindrance=_hindrance)
