"""Whether there is somebody to watch a display."""

import os
from typing import TextIO


def wants_live(stream: TextIO) -> bool:
    """A live display: on a terminal that can move its cursor, and not in CI."""
    return stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM", "") not in ("", "dumb")
