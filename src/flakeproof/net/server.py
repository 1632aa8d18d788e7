"""A TCP server for tests that leaves nothing behind: one thread per connection, all of them awaited.

The accept thread alone touches the listener, and keeps the deadlines: it polls until the next connection, the
next deadline or the wake-up of ``shutdown()``, whichever comes first. Each descriptor has one owner that
closes it: the accept thread its listener and waker, the thread of a handler its connection. Everybody else
may at most shut a connection down, and never while its owner closes it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from flakeproof.net.addresses import Address, format_address, listen_tcp, loopback_of
from flakeproof.net.background_work import (
    BACKLOG,
    CONNECTION_DEADLINE,
    EXHAUSTED,
    PASSING,
    RETRY,
    SHUTDOWN_TIMEOUT,
    ErrorLog,
    Unfinished,
    deadline_error,
    is_consequence_of_closing,
    note_on,
    thread_stands_at,
)
from flakeproof.net.dialing import DIAL_TIMEOUT, dial_tcp
from flakeproof.net.server_sockets import ServedSocket, Waker

__all__ = ["TCPServer"]


@dataclass(slots=True, eq=False)
class _Connection:
    sock: ServedSocket
    peer: Any
    expires: float  # monotonic time
    thread: threading.Thread
    shut: bool = False  # by the server: at the deadline or at shutdown

    def shut_down(self) -> None:
        """Wake a handler that blocks in the socket; the caller holds the server's lock."""
        self.shut = True
        with contextlib.suppress(OSError):  # the peer was faster
            self.sock.shut_down()


class TCPServer:
    """Serves each connection with ``handler(sock)`` in a thread of its own.

    Use it as a context manager, or through :meth:`run` and :meth:`shutdown`::

        with TCPServer(drain) as server, server.dial() as client:
            client.sendall(b"foo")

    The handler gets a blocking socket and may close it or leave that to the server. When it raises, the error
    is kept in :attr:`errors` and raised from the first :meth:`shutdown`, in an exception group; other
    handlers go on.

    Args:
        handler: called with each accepted socket.
        host: address to bind, IPv4 or IPv6, or a name.
        port: 0 for a free one.
        deadline: seconds a connection may live; then it is shut down, which ends the handler's ``recv``, and
            reported as a ``TimeoutError``. ``None`` for no deadline.
        backlog: connections the kernel keeps while they wait to be accepted.
    """

    def __init__(
        self,
        handler: Callable[[socket.socket], object],
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        deadline: float | None = CONNECTION_DEADLINE,
        backlog: int = BACKLOG,
    ) -> None:
        self._handler = handler
        self._host = host
        self._port = port
        self._deadline = deadline
        self._backlog = backlog
        self._lock = threading.Lock()
        self._log = ErrorLog()
        # Oldest first, hence in the order of their deadlines.
        self._connections: dict[socket.socket, _Connection] = {}
        self._ended: list[threading.Thread] = []  # handlers that have left the connections, not joined yet
        self._acceptor: threading.Thread | None = None
        self._waker: Waker | None = None
        self._address: Address | None = None
        self._leaving: set[threading.Thread] = set()  # handlers that are themselves in shutdown()
        self._stopping = False

    def __repr__(self) -> str:
        where = format_address(self._address) if self._address else "not running"
        return f"TCPServer({where})"

    # -- life

    def run(self) -> None:
        """Listen and accept in the background.

        Raises:
            OSError: the address cannot be bound.
            RuntimeError: the server has been run or shut down before; it runs once.
        """
        with self._lock:
            if self._acceptor is not None or self._stopping:
                raise RuntimeError(f"{self!r} has been started before; make another server")
            listener, family = listen_tcp(self._host, self._port, self._backlog)
            try:
                self._address = listener.getsockname()[:2]
                waker = Waker()
                try:
                    acceptor = threading.Thread(
                        target=self._accept_loop,
                        args=(listener, family, waker),
                        name=f"{self!r} accept",
                        daemon=True,  # a server that nobody shut down must not keep the interpreter from ending
                    )
                    self._waker, self._acceptor = waker, acceptor
                    acceptor.start()
                except BaseException:
                    self._waker = self._acceptor = None
                    waker.close()
                    raise
            except BaseException:
                listener.close()
                raise

    def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:
        """Stop accepting, shut every connection down, and wait for all background work.

        May be called again, and from any thread, also while connections arrive. A handler that calls it does
        not wait for itself.

        Args:
            timeout: seconds the background work may take to end.

        Raises:
            ShutdownError: background work did not end in time; it says what, and where it stands. The work
                goes on owning its connection: call again to wait again.
            ExceptionGroup: errors of the background, unless they were raised by an earlier call.
        """
        limit = time.monotonic() + timeout
        with self._lock:
            self._stopping = True
            if self._waker is not None:
                with contextlib.suppress(OSError):  # its number closed by a stranger: the join below tells
                    self._waker.wake()
            for connection in self._connections.values():
                connection.shut_down()
            me = threading.current_thread()
            if any(connection.thread is me for connection in self._connections.values()):
                self._leaving.add(me)
        if self._acceptor is not None:
            self._acceptor.join(max(0.0, limit - time.monotonic()))
        unfinished = self._join_handlers(limit)
        with self._lock:
            self._log.conclude(repr(self), timeout, unfinished)

    def __enter__(self) -> Self:
        self.run()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.shutdown()
            return
        try:
            self.shutdown()
        except BaseException as finding:
            note_on(error, finding)

    # -- view

    @property
    def address(self) -> Address:
        """Host and port it listens on, also after the shutdown.

        Raises:
            RuntimeError: not run yet.
        """
        if self._address is None:
            raise RuntimeError("the server has no address before run()")
        return self._address

    @property
    def errors(self) -> tuple[BaseException, ...]:
        """All errors of the background so far, raised or not."""
        with self._lock:
            return tuple(self._log)

    @property
    def connections(self) -> int:
        """Number of connections being handled."""
        return len(self._connections)

    def dial(self, timeout: float = DIAL_TIMEOUT) -> socket.socket:
        """Connect to this server; see :func:`~flakeproof.net.dial_tcp`."""
        host, port = self.address
        return dial_tcp((loopback_of(host), port), timeout)

    def _join_handlers(self, limit: float) -> tuple[Unfinished, ...]:
        """Wait for every handler until the monotonic time ``limit``; what is left then."""
        me = threading.current_thread()
        with self._lock:
            threads = [*self._ended, *(connection.thread for connection in self._connections.values())]
            # Handlers that shut down at once do not wait for one another; everybody else waits for them too.
            exempt = frozenset(self._leaving if me in self._leaving else ())
            threads = [thread for thread in threads if thread not in exempt]
        for thread in threads:
            if thread.ident is not None:  # has been started
                thread.join(max(0.0, limit - time.monotonic()))
        with self._lock:
            self._ended = [thread for thread in self._ended if thread.is_alive()]
            left: list[tuple[threading.Thread, Any]] = [(thread, None) for thread in self._ended]
            left += [(connection.thread, connection.peer) for connection in self._connections.values()]
        if self._acceptor is not None and self._acceptor.is_alive():
            left.append((self._acceptor, None))
        return tuple(
            Unfinished(
                thread.name,
                format_address(peer) if peer is not None else None,
                thread_stands_at(thread.ident),
            )
            for thread, peer in left
            if thread not in exempt
        )

    # -- accept thread

    def _accept_loop(self, listener: socket.socket, family: int, waker: Waker) -> None:
        try:
            self._accept_until_woken(listener, family, waker)
        except BaseException as error:
            # Such as EBADF when a stranger closed the listener's number.
            with self._lock:
                self._log.append(error)
        finally:
            with self._lock:
                self._waker = None
                for owned in (waker, listener):
                    self._close(owned)

    def _close(self, owned: socket.socket | Waker) -> None:
        """Close what only this thread knows; the caller holds the lock."""
        try:
            owned.close()
        except OSError as error:
            # Somebody else has closed this number before: a finding, since they may hit a stranger next time.
            self._log.append(error)

    def _accept_until_woken(self, listener: socket.socket, family: int, waker: Waker) -> None:
        poller = select.poll()
        poller.register(waker, select.POLLIN)
        poller.register(listener, select.POLLIN)
        starving = False  # out of descriptors or memory: leave the listener alone for a moment
        while True:
            left = self._expire()
            if starving:
                left = RETRY if left is None else min(left, RETRY)
            ready = poller.poll(None if left is None else left * 1000)
            if self._stopping:
                return
            for fd, event in ready:
                if event & select.POLLNVAL:
                    raise OSError(errno.EBADF, f"descriptor {fd} of the server was closed by a stranger")
            try:
                number, peer = listener._accept()  # type: ignore[attr-defined]
            except OSError as error:
                if error.errno in EXHAUSTED:
                    if not starving:
                        with self._lock:
                            self._log.append(error)
                        poller.unregister(listener)
                    starving = True
                elif error.errno not in PASSING:
                    raise
                continue
            if starving:
                poller.register(listener, select.POLLIN)
                starving = False
            try:
                sock = ServedSocket(family, number)
            except BaseException:
                os.close(number)
                raise
            self._start_handler(sock, peer)

    def _expire(self) -> float | None:
        """Shut down what has reached its deadline; seconds until the next one, ``None`` without any."""
        if self._deadline is None:
            return None
        now = time.monotonic()
        with self._lock:
            for connection in self._connections.values():
                if connection.expires > now:
                    return connection.expires - now
                if not connection.shut:
                    connection.shut_down()
                    self._log.append(deadline_error(connection.peer, self._deadline))
        return None

    def _start_handler(self, sock: ServedSocket, peer: Any) -> None:
        sock.setblocking(True)  # some systems let it inherit the listener's mode
        thread = threading.Thread(
            target=self._handle, args=(sock,), name=f"{self!r} handler of {format_address(peer)}", daemon=True
        )
        expires = time.monotonic() + self._deadline if self._deadline is not None else 0.0
        with self._lock:
            if self._stopping:
                sock.close()
                return
            self._ended = [other for other in self._ended if other.is_alive()]
            self._connections[sock] = _Connection(sock, peer, expires, thread)
        try:
            thread.start()
        except RuntimeError as error:  # no more threads to be had
            with self._lock:
                del self._connections[sock]
                self._log.append(error)
                self._close(sock)

    # -- handler threads

    def _handle(self, sock: socket.socket) -> None:
        try:
            self._handler(sock)
        except BaseException as error:
            self._release(sock, error)
        else:
            self._release(sock, None)

    def _release(self, sock: socket.socket, error: BaseException | None) -> None:
        """End a connection; in the thread that owns it."""
        with self._lock:
            connection = self._connections.pop(sock)
            self._leaving.discard(connection.thread)
            self._ended.append(connection.thread)
            if error is not None and not (connection.shut and is_consequence_of_closing(error)):
                self._log.append(error)
        # From here on nobody else shuts this socket down, so no stranger can be hit once its number is free.
        try:
            sock.close()
        except OSError as failure:
            with self._lock:
                self._log.append(failure)
