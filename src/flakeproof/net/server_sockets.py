"""Sockets of a server between threads: a connection that one closes while others shut it down, and a wake-up."""

from __future__ import annotations

import os
import socket
import threading

__all__ = ["ServedSocket", "Waker"]


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
