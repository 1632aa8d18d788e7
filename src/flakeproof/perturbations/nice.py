"""`--nice`: tests leave the CPU to others."""

from typing import Any

from flakeproof.perturbations.perturbation import Kind, value_words
from flakeproof.text import parse_whole

_MOST = 19
"""The nicest that there is (sched(7))."""


def _parse(given: Any) -> int:
    return parse_whole(str(given), 0, _MOST)


NICE = Kind("nice", "nice", _parse, value_words("nice"))
