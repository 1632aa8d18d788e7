"""A TCP server for asyncio tests that leaves nothing behind: one task per connection, all of them awaited.

It runs on any event loop that has ``add_reader``, and needs fewer system calls on an :class:`EdgeLoop`. A task
group owns the handlers: that of the ``async with`` block, or one in a task of its own after ``run()``. Accepting is
a callback that ends with the group's body. A failing handler is reported and does not cancel the others.

Each descriptor has one owner that closes it: the acceptor its listener, a handler's task its connection. The
server may shut a handler's connection down, but never closes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator
from types import TracebackType, coroutine
from typing import Any, Final, Self

from flakeproof.net.addresses import Address, format_address, listen_tcp, loopback_of
from flakeproof.net.async_accept import Acceptor
from flakeproof.net.background_work import (
    BACKLOG,
    CONNECTION_DEADLINE,
    EXHAUSTED,
    SHUTDOWN_TIMEOUT,
    ErrorLog,
    ShutdownError,
    Unfinished,
    deadline_error,
    is_consequence_of_closing,
    note_on,
    task_stands_at,
)
from flakeproof.net.deadlines import Deadlines
from flakeproof.net.dialing import DIAL_TIMEOUT, begin_dial, finish_dial

__all__ = ["AsyncTCPServer"]

_POLITE_TURNS: Final = 2  # turns of the loop in which handlers may end by themselves: to be woken, and to run
_LAST_TURNS: Final = 4  # turns that a task group takes to end, at most: its body, the last task, itself
_ANSWER: Final = 1.0  # seconds on top of the time limit for another thread's loop to answer


@coroutine
def _turn() -> Generator[None, None, None]:
    """Let everybody else run once; ``asyncio.sleep(0)`` without its checks."""
    yield


class _Connection:
    """One accepted connection; its task owns the socket."""

    __slots__ = ("leaving", "peer", "server", "shut", "sock", "task")

    def __init__(self, server: AsyncTCPServer, sock: socket.socket, peer: Any) -> None:
        self.server = server
        self.sock = sock
        self.peer = peer
        self.shut = False  # by the server: at the deadline or at shutdown
        self.leaving = False  # its handler is itself in shutdown()
        self.task: asyncio.Task[Any] | None = None

    def shut_down(self) -> None:
        """Wake a handler that waits for its socket."""
        self.shut = True
        with contextlib.suppress(OSError):  # ENOTCONN: the peer was faster; EBADF: the handler was
            self.sock.shutdown(socket.SHUT_RDWR)

    def expire(self) -> None:
        """Its deadline has passed."""
        self.server._expired(self)


class AsyncTCPServer:
    """Serves each connection with ``await handler(sock)`` in a task of its own.

    Use it as an async context manager, or through :meth:`run` and :meth:`shutdown`::

        async with AsyncTCPServer(async_drain) as server:
            client = await server.dial()

    The handler gets a non-blocking socket, for ``loop.sock_recv`` and its like, and may close it or leave
    that to the server. When it raises, the error is kept in :attr:`errors` and raised from the first
    :meth:`shutdown`, in an exception group; other handlers go on.

    Args:
        handler: awaited with each accepted socket.
        host: address to bind, IPv4 or IPv6, or a name (which is resolved blockingly).
        port: 0 for a free one.
        deadline: seconds a connection may live; then it is shut down, which ends the handler's ``sock_recv``,
        and
            reported as a ``TimeoutError``. ``None`` for no deadline.
        backlog: connections the kernel keeps while they wait to be accepted.
    """

    def __init__(
        self,
        handler: Callable[[socket.socket], Awaitable[object]],
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
        self._log = ErrorLog()
        self._connections: set[_Connection] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._acceptor: Acceptor | None = None
        self._group = asyncio.TaskGroup()
        self._background: asyncio.Task[None] | None = None  # holds the group open after run()
        self._over: asyncio.Future[None] | None = None  # ends the background
        self._deadlines: Deadlines | None = None
        self._family = 0
        self._address: Address | None = None
        self._dial_address: Address | None = None
        self._idle: list[tuple[asyncio.Future[None], bool]] = []  # shutdowns that wait; whether in a handler
        self._stopping = False

    def __repr__(self) -> str:
        where = format_address(self._address) if self._address else "not running"
        return f"AsyncTCPServer({where})"

    # -- life

    def run(self) -> None:
        """Listen and accept in the background of the running loop.

        Raises:
            OSError: the address cannot be bound.
            RuntimeError: no loop is running, or the server has been run or shut down before; it runs once.
        """
        loop = self._listen()
        self._over = loop.create_future()
        self._background = loop.create_task(self._own(self._over), name="AsyncTCPServer")

    def _listen(self) -> asyncio.AbstractEventLoop:
        if self._loop is not None or self._stopping:
            raise RuntimeError(f"{self!r} has been started before; make another server")
        loop = asyncio.get_running_loop()
        listener, self._family = listen_tcp(self._host, self._port, self._backlog)
        try:
            self._address = host, port = listener.getsockname()[:2]
            self._dial_address = loopback_of(host), port
            if self._deadline is not None:
                self._deadlines = Deadlines.of(loop, self._deadline)
            self._acceptor = Acceptor(loop, listener, self._family, self)
        except BaseException:
            listener.close()
            raise
        self._loop = loop
        return loop

    async def shutdown(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:
        """Stop accepting, shut every connection down, and wait for all handlers.

        May be called again, by several tasks at once, and while connections arrive. A handler that calls it
        does not wait for itself. From another thread use :meth:`shutdown_threadsafe`.

        Args:
            timeout: seconds the handlers may take to end.

        Raises:
            ShutdownError: handlers did not end in time; it says which, and where they stand. They go on
            owning
                their connections: call again to wait again.
            ExceptionGroup: errors of the background, unless they were raised by an earlier call.
        """
        unfinished = await self._end(timeout)
        if not unfinished and self._background is not None and not self._background.done():
            await self._background_ended(self._background)
        self._conclude(timeout, unfinished)

    async def _end(self, timeout: float) -> tuple[Unfinished, ...]:
        """Stop accepting and end the handlers; which of them did not within ``timeout`` seconds."""
        self._stop_accepting()
        unfinished: tuple[Unfinished, ...] = ()
        if self._connections:
            try:
                # A handler whose peer has closed ends by itself now; to shut it down would be a call too
                # many.
                turns = _POLITE_TURNS
                while turns and self._connections:
                    turns -= 1
                    await _turn()
                if self._connections:
                    unfinished = await self._end_connections(timeout)
                await _turn()  # in which the task group takes note of the last one
            except asyncio.CancelledError:
                for connection in self._connections:
                    connection.shut_down()
                raise
        return unfinished

    def _conclude(self, timeout: float, unfinished: tuple[Unfinished, ...]) -> None:
        if unfinished or self._log:
            self._log.conclude(repr(self), timeout, unfinished)

    def shutdown_threadsafe(self, timeout: float = SHUTDOWN_TIMEOUT) -> None:
        """:meth:`shutdown` from another thread than the loop's; returns when it has ended.

        Raises:
            RuntimeError: called in the thread of the server's own loop, which would wait for itself.
            ShutdownError: also if the loop does not answer, because it is blocked or not running.
            ExceptionGroup: as :meth:`shutdown`.
        """
        loop = self._loop
        if loop is None:
            self._stopping = True
            return
        if loop is asyncio._get_running_loop():
            raise RuntimeError("shutdown_threadsafe() would wait for its own loop; await shutdown() instead")
        if loop.is_closed():
            # No task will ever run again, so nobody else closes these.
            self._stop_accepting()
            for connection in list(self._connections):
                self._release(connection)
            return
        future = asyncio.run_coroutine_threadsafe(self.shutdown(timeout), loop)
        try:
            future.result(timeout + _ANSWER)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            where = Unfinished("event loop", None, "an unknown place: it does not answer")
            raise ShutdownError(repr(self), timeout, (where,)) from None

    async def __aenter__(self) -> Self:
        self._listen()
        try:
            await self._group.__aenter__()
        except BaseException:  # there is no task here to hold the group
            self._stop_accepting()
            raise
        assert self._acceptor is not None
        self._acceptor.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            unfinished = await self._end(SHUTDOWN_TIMEOUT)
            if not unfinished:
                # Not with the error of the body: it is no reason to cancel handlers, which have ended.
                await self._group.__aexit__(None, None, None)
            self._conclude(SHUTDOWN_TIMEOUT, unfinished)
        except asyncio.CancelledError:
            raise
        except BaseException as finding:
            if error is None:
                raise
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
        return tuple(self._log)

    @property
    def connections(self) -> int:
        """Number of connections being handled."""
        return len(self._connections)

    async def dial(self, timeout: float = DIAL_TIMEOUT) -> socket.socket:
        """Connect to this server; see :func:`~flakeproof.net.async_dial_tcp`."""
        address = self._dial_address or self.address
        sock, connected = begin_dial(self._family, address)
        if not connected:
            await finish_dial(sock, address, timeout)
        return sock

    # -- the task group and what it owns

    async def _own(self, over: asyncio.Future[None]) -> None:
        """Hold the task group open until accepting is over and the last handler has ended."""
        try:
            async with self._group:
                if self._acceptor is not None:
                    self._acceptor.start()
                await over
        finally:
            self._stop_accepting()  # cancelled, perhaps with everything else at the end of its loop

    async def _background_ended(self, background: asyncio.Task[None]) -> None:
        """Wait for the task that holds the group, whose last handler has ended or is about to."""
        if self._connections:  # called by a handler, which cannot wait for itself
            return
        turns = _LAST_TURNS
        while turns and not background.done():
            turns -= 1
            await _turn()
        if not background.done():
            await asyncio.wait({background})

    def accepted(self, sock: socket.socket, peer: Any) -> None:
        """Start the handler of a new connection; called by the acceptor only."""
        loop = self._loop
        assert loop is not None
        connection = _Connection(self, sock, peer)
        self._connections.add(connection)
        if self._deadlines is not None:
            self._deadlines.add(connection, loop)
        work = self._serve(connection)
        try:
            connection.task = self._group.create_task(work, name="AsyncTCPServer handler")
        except BaseException:
            work.close()
            self._release(connection)
            raise

    def accept_failed(self, error: OSError) -> None:
        """Keep an error of the listener; called by the acceptor only."""
        self._log.append(error)
        if error.errno not in EXHAUSTED:
            self._stop_accepting()

    def _stop_accepting(self) -> None:
        self._stopping = True
        acceptor, self._acceptor = self._acceptor, None
        if acceptor is not None:
            try:
                acceptor.stop()
            except OSError as error:
                self._log.append(error)
        if self._over is not None and self._loop is not None and not self._loop.is_closed():
            _resolve(self._over)

    # -- handlers

    async def _serve(self, connection: _Connection) -> None:
        if connection.task is None:  # started within create_task(), by an eager task factory
            connection.task = asyncio.current_task()
        try:
            await self._handler(connection.sock)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # also pytest.fail(), which is no Exception
            if not (connection.shut and is_consequence_of_closing(error)):
                self._log.append(error)
        finally:
            self._release(connection)

    def _release(self, connection: _Connection) -> None:
        """Close a connection for good, unless that is done."""
        if connection not in self._connections:  # released after its loop was closed
            return
        self._connections.remove(connection)
        if self._deadlines is not None:
            self._deadlines.discard(connection)
        try:
            connection.sock.close()
        except OSError as error:
            # Somebody else has closed this number before: a finding, since they may hit a stranger next time.
            self._log.append(error)
        if self._idle:
            self._wake_idle()

    def _expired(self, connection: _Connection) -> None:
        if not connection.shut and self._deadline is not None:
            connection.shut_down()
            self._log.append(deadline_error(connection.peer, self._deadline))

    async def _end_connections(self, timeout: float) -> tuple[Unfinished, ...]:
        """Shut all connections down and wait for their handlers; what is left after ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        me = asyncio.current_task()
        is_handler = False
        for connection in list(self._connections):
            if connection.task is me:
                is_handler = connection.leaving = True
            elif connection.task is not None and connection.task.done():
                # Cancelled before its first step: it never got to own the socket.
                self._release(connection)
                continue
            connection.shut_down()
        waiting = (loop.create_future(), is_handler)
        self._idle.append(waiting)
        limit = loop.call_later(timeout, _resolve, waiting[0])
        try:
            self._wake_idle()
            await waiting[0]
        finally:
            limit.cancel()
            self._idle.remove(waiting)
        return tuple(
            Unfinished(task.get_name(), format_address(connection.peer), task_stands_at(task))
            for connection in self._connections
            if (task := connection.task) is not None and not (is_handler and connection.leaving)
        )

    def _wake_idle(self) -> None:
        """Tell the waiting shutdowns if nothing is left; handlers among them do not wait for one another."""
        only_leaving = all(connection.leaving for connection in self._connections)
        for idle, is_handler in self._idle:
            if not self._connections or (is_handler and only_leaving):
                _resolve(idle)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
