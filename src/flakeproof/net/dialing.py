"""Dialling: a connected socket within a second, or an error."""

from __future__ import annotations

import asyncio
import errno
import os
import select
import socket
from typing import Final

from flakeproof.net.addresses import Address, format_address, numeric_family, stream_socket

__all__ = ["DIAL_TIMEOUT", "IO_TIMEOUT", "async_dial_tcp", "begin_dial", "dial_tcp", "finish_dial"]

DIAL_TIMEOUT: Final = 1.0
"""Seconds a dial may take unless told otherwise."""

IO_TIMEOUT: Final = 60.0
"""Seconds one operation on a dialled blocking socket may take unless told otherwise."""

_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EALREADY, errno.EINTR)


def begin_dial(family: int, address: Address) -> tuple[socket.socket, bool]:
    """A new non-blocking socket that connects to a numeric address, and whether it has got there.

    Over loopback the handshake ends before the first call returns, but a non-blocking connect says "in
    progress" all the same. Asking a second time costs a microsecond and saves the wait.

    Raises:
        OSError: refused, unreachable, or no address of this family.
    """
    sock = stream_socket(family)
    try:
        error = sock.connect_ex(address)
        if error in _UNDER_WAY:
            error = sock.connect_ex(address)
    except BaseException:
        sock.close()
        raise
    if not error or error == errno.EISCONN:
        return sock, True
    if error in _UNDER_WAY:
        return sock, False
    sock.close()
    raise _connect_error(error, address)


def _connect_error(error: int, address: Address) -> OSError:
    return OSError(error, f"{os.strerror(error)}: dialling {format_address(address)}")


def _late(address: Address, timeout: float) -> TimeoutError:
    return TimeoutError(errno.ETIMEDOUT, f"not connected to {format_address(address)} within {timeout:g} s")


def dial_tcp(
    address: Address, timeout: float = DIAL_TIMEOUT, *, io_timeout: float | None = IO_TIMEOUT
) -> socket.socket:
    """Connect to ``address``; the returned socket is blocking, with a time limit on each later operation.

    Args:
        address: host and port; a name is resolved first (its first address is used), outside the time limit.
        timeout: seconds until connected.
        io_timeout: seconds for each later operation on the socket (``settimeout``), ``None`` for no limit.

    Raises:
        TimeoutError: not connected in time.
        OSError: refused, unreachable, or not resolvable.
    """
    host, port = address
    family = numeric_family(host)
    if family is None:
        resolved = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        family, address = int(resolved[0]), (str(resolved[4][0]), port)
    sock, connected = begin_dial(family, address)
    try:
        if not connected:
            _wait_connected(sock, address, timeout)
        sock.settimeout(io_timeout)
    except BaseException:
        sock.close()
        raise
    return sock


def _wait_connected(sock: socket.socket, address: Address, timeout: float) -> None:
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    if not poller.poll(timeout * 1000):
        raise _late(address, timeout)
    if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise _connect_error(error, address)


async def async_dial_tcp(address: Address, timeout: float = DIAL_TIMEOUT) -> socket.socket:
    """Connect to ``address``; the returned socket is non-blocking, for ``loop.sock_recv`` and its like.

    Args:
        address: host and port; a name is resolved first, within the time limit (its first address is used).
        timeout: seconds.

    Raises:
        TimeoutError: not connected in time.
        OSError: refused, unreachable, or not resolvable.
    """
    family = numeric_family(address[0])
    if family is None:
        return await _async_dial_name(address, timeout)
    sock, connected = begin_dial(family, address)
    if not connected:
        await finish_dial(sock, address, timeout)
    return sock


async def finish_dial(sock: socket.socket, address: Address, timeout: float) -> None:
    """Wait for what :func:`begin_dial` has begun; the socket is closed if that fails.

    Raises:
        TimeoutError: not connected within ``timeout`` seconds.
        OSError: refused or unreachable.
    """
    try:
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException as error:
        sock.close()
        if isinstance(error, TimeoutError) and error.errno is None:  # ours, not the kernel's
            raise _late(address, timeout) from None
        raise


async def _async_dial_name(address: Address, timeout: float) -> socket.socket:
    loop = asyncio.get_running_loop()
    started = loop.time()
    host, port = address
    try:
        async with asyncio.timeout(timeout):
            resolved = (await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM))[0]
    except TimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, f"{host} not resolved within {timeout:g} s") from None
    return await async_dial_tcp((str(resolved[4][0]), port), max(0.0, timeout - (loop.time() - started)))
