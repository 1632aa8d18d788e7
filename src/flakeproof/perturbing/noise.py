"""`--noise`: processes that keep the machine busy beside the tests."""

from typing import Any

from flakeproof.perturbing.kind import Kind
from flakeproof.text import parse_whole, shortened

_KINDS = ("cpu", "io", "memory")
_FORM = "write it like cpu=2,io=1,memory=1"
_MOST = 256


def _parse(given: Any) -> str:
    """The noise in a text like `cpu=2,io=1`. Raises ValueError."""
    noise = _noise_in(str(given))
    if not noise:
        raise ValueError(f"{given!r} is no noise; {_FORM}")
    return ",".join(f"{kind}={count}" for kind, count in noise.items())


def _noise_in(text: str) -> dict[str, int]:
    """Processes by kind. Raises ValueError."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        kind, equals, count = part.partition("=")
        if kind not in _KINDS or not equals:
            raise ValueError(f"{shortened(part)!r} is no noise; {_FORM}")
        if kind in found:
            raise ValueError(f"{kind} stands there twice: {kind}={found[kind]} and {part}; give one of the two")
        found[kind] = parse_whole(count, 1, _MOST)
    return found


def _words(noise: dict[str, int]) -> list[str]:
    return ["--noise", ",".join(f"{kind}={count}" for kind, count in noise.items())]


NOISE = Kind("noise", "noise", _parse, "none", _words, read=_noise_in)
