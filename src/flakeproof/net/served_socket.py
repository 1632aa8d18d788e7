"""A connection that one thread closes while others may shut it down."""

from __future__ import annotations

import socket
import threading

__all__ = ["ServedSocket"]


class ServedSocket(socket.socket):
    """A blocking stream socket whose :meth:`close` and :meth:`shut_down` exclude each other.

    ``shutdown(2)`` takes a number. Were the owner to close the socket between the moment in which another
    thread looks the number up and the call, the call could hit whoever got the number in between. (Against
    ``os.close`` of the bare number nothing helps.)

    Args:
        family: address family of the connection.
        fileno: its descriptor, which from now on belongs to this object.
    """

    def __init__(self, family: int, fileno: int) -> None:
        self._turn = threading.Lock()
        super().__init__(family, socket.SOCK_STREAM, 0, fileno)

    def close(self) -> None:
        """Close it, once nobody is about to shut it down."""
        with self._turn:
            super().close()

    def detach(self) -> int:
        """Give the descriptor away, once nobody is about to shut it down."""
        with self._turn:
            return super().detach()

    def shut_down(self) -> None:
        """End both directions, which wakes whoever blocks in it; nothing if it is closed.

        Raises:
            OSError: ``ENOTCONN``, the peer was faster.
        """
        with self._turn:
            if self.fileno() >= 0:
                self.shutdown(socket.SHUT_RDWR)
