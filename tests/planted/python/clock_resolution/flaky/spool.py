"""Messages in a folder, each in a file, at most 125 in a second."""

import time
from pathlib import Path

INTERVAL = 0.008
"""Seconds between two messages, which is what the receiver bears."""


class Spool:
    """Writes messages to files that are named by the time, in hundredths of a second."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._next = time.monotonic()

    def put(self, message: str) -> None:
        """Write a message as soon as it is its turn."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + INTERVAL
        stamp = time.time_ns() // 10_000_000  # guilty
        (self._folder / f"{stamp}.message").write_text(message)
