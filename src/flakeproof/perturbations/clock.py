"""`--clock`: another time of day, or one that passes faster or slower."""

from pathlib import Path
from typing import Any

from flakeproof.model import CommandTarget, Target
from flakeproof.perturbations import programs
from flakeproof.perturbations.perturbation import Hindrance, Kind, value_words
from flakeproof.text import parse_duration, shortened
from flakeproof_worker.perturb import faketime
from flakeproof_worker.shared import instants

_SLOWEST, _FASTEST = 0.001, 1000.0
_FARTHEST = 100 * 366 * 86400.0


def parse_clock(given: Any) -> str:
    """A clock as the worker takes it: `boundaries`, seconds with a sign, an instant, or `x4`. Raises ValueError."""
    text = str(given).strip()
    if text == instants.BOUNDARIES:
        return text
    if text.startswith(instants.SPEED):
        return _speed(text)
    if text[:1] in ("+", "-"):
        seconds = parse_duration(text[1:])
        if seconds > _FARTHEST:
            raise ValueError(f"{text!r} is more than a hundred years")
        return f"{text[0]}{seconds:.9g}"
    try:
        instants.parsed(text)
    except ValueError as error:
        raise ValueError(
            f"{shortened(text)!r} is no time; write it like {instants.BOUNDARIES}, +3d, -90m, x4 or "
            f"2024-02-29T23:59:59.9 ({error})"
        ) from None
    return text


def _speed(text: str) -> str:
    try:
        rate = float(text.removeprefix(instants.SPEED))
    except ValueError:
        raise ValueError(f"{shortened(text)!r} is no speed; write it like x4 or x0.25") from None
    if not _SLOWEST <= rate <= _FASTEST:
        raise ValueError(f"{shortened(text)!r}: a clock can be x{_SLOWEST:g} to x{_FASTEST:g}")
    return f"{instants.SPEED}{rate:g}"


def _hindrance(clock: str, target: Target) -> Hindrance | None:
    """For a command it takes a library, which not every program asks for the time."""
    if not isinstance(target, CommandTarget):
        return None
    if faketime.library() is None:
        return Hindrance("the clock of a command takes libfaketime, which is not installed", "apt-get install faketime")
    kind = programs.kind_of(Path(target.program))
    if kind is None or (kind == programs.PYTHON and programs.python_sleeps_under(faketime.library())):
        return None
    if kind == programs.PYTHON:
        return Hindrance(
            f"{target.program} is a Python program, whose time.sleep fails with the libfaketime that is installed",
            "run its function (MODULE:FUNCTION) or its tests, for which no library is needed",
        )
    return Hindrance(
        f"{target.program} is {kind}, which asks the kernel for the time and not a library",
        "leave --clock out",
    )


CLOCK = Kind("clock", "clock", parse_clock, value_words("clock"), hindrance=_hindrance)
