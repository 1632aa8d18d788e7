"""`--network none`: nothing but loopback."""

from typing import Any

from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations.namespaces import hindered
from flakeproof.perturbations.perturbation import Hindrance, Kind, value_words
from flakeproof.text import shortened

_NONE = "none"


def _parse(given: Any) -> str:
    text = str(given).strip()
    if text != _NONE:
        raise ValueError(f"{shortened(text)!r} is no network; write it like --network {_NONE}")
    return text


def _hindrance(network: str, target: Target) -> Hindrance | None:
    if not isinstance(target, CommandTarget):
        return None  # Python code is held up where it asks for it, which everybody may do
    return hindered("network")


NETWORK = Kind("network", "network", _parse, value_words("network"), hindrance=_hindrance)
