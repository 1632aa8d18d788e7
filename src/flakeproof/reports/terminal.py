"""Whether there is somebody to watch a display, and whether text for them may have colours."""

import os
from collections.abc import Mapping
from typing import TextIO

_NO = {"", "0", "false", "no", "off"}


def wants_live(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """A live display: on a terminal that can move its cursor, and not in CI."""
    return stream.isatty() and environment.get("CI", "").lower() in _NO and not _is_dumb(environment)


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Colours: NO_COLOR forbids them, FORCE_COLOR asks for them, else a terminal that is not dumb gets them."""
    if environment.get("NO_COLOR"):
        return False
    if (forced := environment.get("FORCE_COLOR")) is not None:
        return forced.lower() not in _NO
    return stream.isatty() and not _is_dumb(environment)


def _is_dumb(environment: Mapping[str, str]) -> bool:
    return environment.get("TERM", "") in ("", "dumb")
