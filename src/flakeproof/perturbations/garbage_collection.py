"""`--gc`: garbage is collected more often."""

from typing import Any

from flakeproof.perturbations.perturbation import Kind, value_words
from flakeproof.text import parse_whole

_MOST = 1_000_000


def _parse(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST)


GC = Kind("gc", "gc", _parse, value_words("gc"), only_python=True)
