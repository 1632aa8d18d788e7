"""The server before the fix: the same interface as `flakeproof.net`'s servers, without what keeps those apart from
their neighbours. Kept to reproduce the flake; use `flakeproof.net` for anything else.

What is missing is what such servers really miss. Nobody waits for the accept loop or the handlers. Nobody tracks
connections: `shutdown` closes the listener and returns. And a connection has two owners: the handler's socket object,
and the guard of its deadline, which knows the connection by its descriptor *number* and closes that in any case, since
"closing twice does no harm". When the guard of one test comes to it, the kernel may have given the number to another.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

from flakeproof.net import async_dial_tcp, dial_tcp

CONNECTION_DEADLINE = 60.0
_BACKLOG = 128


class LeakyTCPServer:
    """`flakeproof.net.TCPServer` before the fix."""

    def __init__(self, handler: Callable[[socket.socket], object], host: str = "127.0.0.1", port: int = 0) -> None:
        self._handler = handler
        self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        self.address: tuple[str, int] = self._listener.getsockname()[:2]

    def run(self) -> None:
        """Accept in the background; nobody will wait for it."""
        threading.Thread(target=self._accept_loop, daemon=True).start()

    def shutdown(self) -> None:
        """Close the listener, and nothing else."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def dial(self) -> socket.socket:
        """A client connected to this server."""
        return dial_tcp(self.address)

    def __enter__(self) -> Self:
        self.run()
        return self

    def __exit__(self, *exception: object) -> None:
        self.shutdown()

    def _accept_loop(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            done = threading.Event()
            threading.Thread(target=self._serve, args=(connection, done), daemon=True).start()
            threading.Thread(target=self._guard, args=(connection.fileno(), done), daemon=True).start()

    def _serve(self, connection: socket.socket, done: threading.Event) -> None:
        try:
            with suppress(OSError), connection:
                self._handler(connection)
        finally:
            done.set()

    def _guard(self, descriptor: int, done: threading.Event) -> None:
        """Close the connection when it is done, or its time is over."""
        done.wait(CONNECTION_DEADLINE)
        with suppress(OSError):
            os.close(descriptor)


class LeakyAsyncTCPServer:
    """`flakeproof.net.AsyncTCPServer` before the fix."""

    def __init__(
        self, handler: Callable[[socket.socket], Awaitable[object]], host: str = "127.0.0.1", port: int = 0
    ) -> None:
        self._handler = handler
        self._listener = socket.create_server((host, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._background: set[asyncio.Task[None]] = set()
        self.address: tuple[str, int] = self._listener.getsockname()[:2]

    def run(self) -> None:
        """Accept in the background; nobody will wait for it."""
        self._in_background(self._accept_loop())

    async def shutdown(self) -> None:
        """Close the listener, and give the accept loop a moment to notice."""
        with suppress(OSError):
            self._listener.close()
        await _a_moment(6)

    async def dial(self) -> socket.socket:
        """A client connected to this server."""
        return await async_dial_tcp(self.address)

    async def __aenter__(self) -> Self:
        self.run()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.shutdown()

    def _in_background(self, work: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._background.add(task)  # asyncio itself keeps only weak references
        task.add_done_callback(self._background.discard)
        return task

    async def _accept_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._listener)
            except OSError:
                return
            serving = self._in_background(self._serve(connection))
            self._in_background(self._guard(connection.fileno(), serving))

    async def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            await self._handler(connection)

    async def _guard(self, descriptor: int, serving: asyncio.Task[None]) -> None:
        """Close the connection when it is done, or its time is over."""
        ended = self._in_background(self._linger(serving))
        await asyncio.wait({ended}, timeout=CONNECTION_DEADLINE)
        with suppress(OSError):
            os.close(descriptor)

    async def _linger(self, serving: asyncio.Task[None]) -> None:
        """Wait for the handler, and give the peer a moment to see the end."""
        await asyncio.wait({serving})
        await _a_moment(9)


async def _a_moment(turns: int) -> None:
    """Let everybody else in the loop run, in the hope that all is done then; nobody makes sure."""
    for _ in range(turns):
        await asyncio.sleep(0)
