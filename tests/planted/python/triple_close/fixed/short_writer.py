"""Writes as much as a socket takes."""

import os


class ShortWriter:
    """Writes to a descriptor that does not block; `on_full` is called when it takes no more."""

    def __init__(self, number: int) -> None:
        self._file = os.fdopen(number, "wb", buffering=0)
        self.on_full = self._count
        self.full = 0

    def _count(self) -> None:
        self.full += 1

    def write(self, data: bytes) -> int:
        """How many bytes of `data` were taken."""
        taken = 0
        while taken < len(data):
            written = self._file.write(data[taken:])
            if written is None:
                self.on_full()
                break
            taken += written
        return taken

    def close(self) -> None:
        """Close the descriptor: it belongs to the writer."""
        self._file.close()
