"""`--clock`: another time of day."""

from typing import Any

from flakeproof.perturbing.kind import Kind, value_words
from flakeproof.text import parse_duration, shortened
from flakeproof_worker.perturb import instants

_FARTHEST = 100 * 366 * 86400.0


def parse_clock(given: Any) -> str:
    """A clock as the worker takes it: `boundaries`, seconds with a sign, or an instant. Raises ValueError."""
    text = str(given).strip()
    if text == instants.BOUNDARIES:
        return text
    if text[:1] in ("+", "-"):
        seconds = parse_duration(text[1:])
        if seconds > _FARTHEST:
            raise ValueError(f"{text!r} is more than a hundred years")
        return f"{text[0]}{seconds:.9g}"
    try:
        instants.parsed(text)
    except ValueError as error:
        raise ValueError(
            f"{shortened(text)!r} is no time; write it like {instants.BOUNDARIES}, +3d, -90m or 2024-02-29T23:59:59.9"
            f" ({error})"
        ) from None
    return text


CLOCK = Kind("clock", "clock", parse_clock, "as it is", value_words("clock"), only_python=True)
