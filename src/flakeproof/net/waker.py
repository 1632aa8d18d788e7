"""A descriptor that another thread can make readable, to end a ``poll`` at once."""

from __future__ import annotations

import os

__all__ = ["Waker"]


class Waker:
    """An eventfd, or a pipe where there is none.

    Not synchronised: the owner sees to it that nobody calls :meth:`wake` after :meth:`close`.
    """

    __slots__ = ("_reader", "_writer")

    def __init__(self) -> None:
        if hasattr(os, "eventfd"):
            self._reader = self._writer = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        else:
            self._reader, self._writer = os.pipe()
            os.set_blocking(self._writer, False)

    def fileno(self) -> int:
        """The descriptor to poll for reading."""
        return self._reader

    def wake(self) -> None:
        """Make the descriptor readable, for good."""
        os.write(self._writer, (1).to_bytes(8, "little"))

    def close(self) -> None:
        """Close what it owns; call it once."""
        os.close(self._reader)
        if self._writer != self._reader:
            os.close(self._writer)
