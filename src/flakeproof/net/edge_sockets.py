"""``loop.sock_*`` that try the system call first and wait in
:class:`~flakeproof.net.epoll_waits.EpollWaits`."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

from flakeproof.net.asyncio_internals import LoopInternals, check_ssl_socket
from flakeproof.net.epoll_waits import READABLE, WRITABLE, EpollWaits

__all__ = ["SocketCalls"]

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
_UNDER_WAY: Final = (errno.EINPROGRESS, errno.EALREADY, errno.EINTR)
_T = TypeVar("_T")
# Both mean "not now": a non-blocking call that would block, or one that a signal interrupted.
_NOT_NOW: Final = (BlockingIOError, InterruptedError)


class SocketCalls(LoopInternals):
    """The socket coroutines of an event loop that has ``self._waits``.

    As in asyncio the socket must be non-blocking (checked in debug mode), and must not belong to a transport.
    Several tasks may wait for one socket, in either direction.
    """

    _waits: EpollWaits

    async def sock_recv(self, sock: socket.socket, nbytes: int) -> bytes:
        if type(sock) is not socket.socket or self._debug:
            self._check_socket(sock)
        while True:
            try:
                return sock.recv(nbytes)
            except _NOT_NOW:
                pass
            await self._ready_for(sock, READABLE)

    async def sock_recv_into(self, sock: socket.socket, buf: Any) -> int:
        return await self._call(sock, READABLE, partial(sock.recv_into, buf))

    async def sock_recvfrom(self, sock: socket.socket, bufsize: int) -> tuple[bytes, Any]:
        return await self._call(sock, READABLE, partial(sock.recvfrom, bufsize))

    async def sock_recvfrom_into(self, sock: socket.socket, buf: Any, nbytes: int = 0) -> tuple[int, Any]:
        return await self._call(sock, READABLE, partial(sock.recvfrom_into, buf, nbytes or len(buf)))

    async def sock_sendto(self, sock: socket.socket, data: Any, address: Any) -> int:
        return await self._call(sock, WRITABLE, partial(sock.sendto, data, address))

    async def sock_sendall(self, sock: socket.socket, data: Any) -> None:
        if type(sock) is not socket.socket or self._debug:
            self._check_socket(sock)
        with memoryview(data) as whole, whole.cast("B") as view:
            sent = 0
            while True:
                with contextlib.suppress(*_NOT_NOW):
                    sent += sock.send(view[sent:])
                if sent == len(view):
                    return
                await self._ready_for(sock, WRITABLE)

    async def sock_accept(self, sock: socket.socket) -> tuple[socket.socket, Any]:
        conn, peer = await self._call(sock, READABLE, sock.accept)
        conn.setblocking(False)
        return conn, peer

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        self._check_socket(sock)
        if sock.family in _INTERNET:
            resolved = await self._ensure_resolved(
                address, family=sock.family, type=sock.type, proto=sock.proto, loop=self
            )
            address = resolved[0][4]
        error = sock.connect_ex(address)
        if error in _UNDER_WAY:
            # Over loopback it is done by now, but only another call says so. On Linux that call is also what
            # tells
            # the outcome later: 0, the error, or EALREADY after a wake-up for nothing.
            error = sock.connect_ex(address)
        while error in _UNDER_WAY:
            await self._ready_for(sock, WRITABLE)
            error = sock.connect_ex(address)
        if error and error != errno.EISCONN:
            raise OSError(error, f"Connect call failed {address}: {os.strerror(error)}")

    async def _call(self, sock: socket.socket, direction: int, call: Callable[[], _T]) -> _T:
        self._check_socket(sock)
        while True:
            try:
                return call()
            except _NOT_NOW:
                pass
            await self._ready_for(sock, direction)

    async def _ready_for(self, sock: socket.socket, direction: int) -> None:
        """Wait until the socket may be ready; it may just as well not be, so try and wait again."""
        fd = sock.fileno()
        if self._transports:
            self._ensure_fd_no_transport(fd)
        future = self.create_future()
        self._waits.add(sock, direction, future)
        try:
            await future
        except BaseException:
            self._waits.discard(fd, future)
            raise

    def _check_socket(self, sock: socket.socket) -> None:
        """The checks of asyncio, with its words.

        Raises:
            TypeError: an SSL socket, which cannot be used without its transport.
            ValueError: a blocking socket; asked for in debug mode only.
        """
        check_ssl_socket(sock)
        if self._debug and sock.gettimeout() != 0:
            raise ValueError("the socket must be non-blocking")
