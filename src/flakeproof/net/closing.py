"""Closing a connection so that nothing under way is lost.

``close()`` with unread data in the receive buffer makes the kernel send a reset (RFC 1122, 4.2.2.13), which
can destroy data that the peer has not read yet. A graceful close says "no more from me", reads to the peer's
end of stream, and only then closes.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from typing import Final

__all__ = ["CLOSE_TIMEOUT", "async_drain", "async_graceful_close", "drain", "graceful_close"]

CLOSE_TIMEOUT: Final = 1.0
"""Seconds the peer has to end its side unless told otherwise."""

_CHUNK: Final = 65536


def drain(sock: socket.socket) -> int:
    """Read to the end of the stream; how many bytes came. A handler for
    :class:`~flakeproof.net.TCPServer`."""
    drained = 0
    while data := sock.recv(_CHUNK):
        drained += len(data)
    return drained


async def async_drain(sock: socket.socket) -> int:
    """Read a non-blocking socket to the end; a handler for :class:`~flakeproof.net.AsyncTCPServer`."""
    receive = asyncio.get_running_loop().sock_recv
    drained = 0
    while data := await receive(sock, _CHUNK):
        drained += len(data)
    return drained


def graceful_close(sock: socket.socket, timeout: float = CLOSE_TIMEOUT) -> int:
    """Shut the write side down, read to the end, close.

    The socket is closed in any case, also when an error is raised.

    Args:
        sock: a connected socket, blocking or not.
        timeout: seconds for the whole of it.

    Returns:
        How many bytes the peer still sent.

    Raises:
        TimeoutError: the peer did not end its side in time.
        ConnectionResetError: the peer gave the connection up.
        OSError: anything else, such as ``EBADF`` for a descriptor that a stranger has closed.
    """
    with sock:
        limit = time.monotonic() + timeout
        drained = 0
        _end_writing(sock)
        while (left := limit - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data = sock.recv(_CHUNK)
            except TimeoutError as error:
                if error.errno is not None:  # the kernel gave up on the peer
                    raise
                break
            if not data:
                return drained
            drained += len(data)
    raise _late(timeout)


async def async_graceful_close(sock: socket.socket, timeout: float = CLOSE_TIMEOUT) -> int:
    """Shut the write side of a non-blocking socket down, read to the end, close; see
    :func:`graceful_close`."""
    with sock:
        _end_writing(sock)
        try:
            async with asyncio.timeout(timeout):
                drained = await async_drain(sock)
        except TimeoutError as error:
            if error.errno is not None:
                raise
        else:
            return drained
    raise _late(timeout)


def _end_writing(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError as error:
        # The peer has reset the connection already: there is nothing to end, and reading says what happened.
        if error.errno != errno.ENOTCONN:
            raise


def _late(timeout: float) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, f"the peer did not end its side within {timeout:g} s")
