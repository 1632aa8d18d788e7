"""`--cpus`: tests share a few CPUs."""

import os
from typing import Any

from flakeproof.model import Target
from flakeproof.perturbations.perturbation import Hindrance, Kind, value_words
from flakeproof.text import parse_whole, plural

_MOST = 4096


def _parse(given: Any) -> int:
    return parse_whole(str(given), 1, _MOST)


def _hindrance(count: int, target: Target) -> Hindrance | None:
    if not hasattr(os, "sched_setaffinity"):
        return Hindrance("this system cannot pin processes to CPUs", "run it on Linux")
    there_are = len(os.sched_getaffinity(0))
    if count > there_are:
        return Hindrance(
            f"{plural(count, 'CPU')} were asked for, and flakeproof may use {there_are} here",
            f"ask for at most --cpus {there_are}",
        )
    return None


CPUS = Kind("cpus", "cpus", _parse, value_words("cpus"), hindrance=_hindrance)
