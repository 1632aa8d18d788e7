"""A file that only grows and may fail at any time: the disk is full, the folder is gone."""

import os
from collections.abc import Callable
from pathlib import Path


class GrowingFile:
    """Appends to a file until that fails once; from then on it does nothing, and the run goes on."""

    def __init__(self, path: Path, failed: Callable[[OSError], None], *, buffer: int = 0) -> None:
        """`failed` hears of the first error; up to `buffer` bytes are held back."""
        self._failed = failed
        self._limit = buffer
        self._held = bytearray()
        self._descriptor: int | None = None
        self.size = 0
        """Bytes written or held back."""
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            failed(error)

    def write(self, data: bytes) -> None:
        """Append `data`, at once or when enough is held back."""
        if self._descriptor is None:
            return
        self.size += len(data)
        self._held += data
        if len(self._held) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        while self._held and self._descriptor is not None:
            try:
                written = os.write(self._descriptor, self._held)
            except OSError as error:
                self._give_up(error)
            else:
                del self._held[:written]

    def close(self) -> None:
        """Write what is held back and close; may be called twice."""
        self.flush()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                os.close(descriptor)
            except OSError as error:  # some file systems tell only now
                self._failed(error)

    def _give_up(self, error: OSError) -> None:
        self._held.clear()
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
        self._failed(error)
