"""Accepting connections on an event loop without a task of its own.

A callback has nothing to cancel and nothing to wait for: once stopped, it is over. On an :class:`EdgeLoop` it
waits with :meth:`~EdgeLoop.call_when_readable`, elsewhere with ``add_reader``.
"""

from __future__ import annotations

import asyncio
import os
import socket
from contextvars import copy_context
from typing import Any, Final, Protocol

from flakeproof.net.background_work import EXHAUSTED, PASSING, RETRY
from flakeproof.net.edge_loop import EdgeLoop, ReadableCall

__all__ = ["Acceptor", "AcceptorOwner"]

_STREAM: Final = int(socket.SOCK_STREAM)


class AcceptorOwner(Protocol):
    """Who gets the connections."""

    def accepted(self, sock: socket.socket, peer: Any) -> None:
        """Take over a new non-blocking connection."""

    def accept_failed(self, error: OSError) -> None:
        """Hear of an error of the listener. Unless it is for want of resources, accepting is over."""


class Acceptor:
    """Accepts until :meth:`stop`; owns the listener."""

    __slots__ = (
        *("_context", "_edge_loop", "_family", "_has_reader", "_listener"),
        *("_loop", "_open", "_owner", "_starving", "_wait"),
    )

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listener: socket.socket, family: int, owner: AcceptorOwner
    ) -> None:
        self._loop = loop
        self._edge_loop = loop if isinstance(loop, EdgeLoop) else None
        self._context = copy_context()  # of who started the server: handlers inherit it
        self._listener = listener
        self._family = family
        self._owner = owner
        self._open = True
        self._starving = False  # out of descriptors or memory
        self._has_reader = False  # add_reader is in force
        self._wait: ReadableCall | asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Accept what is there in the next turn, which the first connection often is, and then whatever comes."""
        self._accept_soon()

    def stop(self) -> None:
        """Accept no more and close the listener; connections still queued in the kernel are reset.

        Raises:
            OSError: the listener's descriptor was closed by a stranger.
        """
        self._open = False
        if self._wait is not None or self._has_reader:
            self._cancel()
        self._listener.close()

    def _cancel(self) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        if self._has_reader:
            self._has_reader = False
            self._loop.remove_reader(self._listener)

    def _accept_soon(self) -> None:
        if self._edge_loop is not None:
            self._edge_loop.run_soon(self._accept, self._context)
        else:
            self._loop.call_soon(self._accept, context=self._context)

    def _accept(self, error: OSError | None = None) -> None:
        """Accept one connection; the next one in another turn, so that a flood of them starves nobody."""
        if not self._open:
            return
        self._wait = None
        try:
            if error is not None:
                raise error
            # accept() without its frills, two conversions to enumerations and a look at the default timeout.
            fd, peer = self._listener._accept()  # type: ignore[attr-defined]
        except BlockingIOError:
            self._await_connection()
        except OSError as failure:
            self._failed(failure)
        else:
            try:
                sock = socket.socket(self._family, _STREAM, 0, fileno=fd)
            except BaseException:
                os.close(fd)
                raise
            sock.setblocking(False)
            self._starving = False
            if not self._has_reader:
                self._accept_soon()
            self._owner.accepted(sock, peer)

    def _await_connection(self) -> None:
        try:
            if self._edge_loop is not None:
                self._wait = self._edge_loop.call_when_readable(self._listener, self._accept, self._context)
            elif not self._has_reader:
                self._loop.add_reader(self._listener, self._context.run, self._accept)
                self._has_reader = True
        except OSError as failure:  # such as EBADF: a stranger closed the listener's number
            self._owner.accept_failed(failure)

    def _failed(self, failure: OSError) -> None:
        if failure.errno in PASSING:
            if not self._has_reader:
                self._accept_soon()
        elif failure.errno in EXHAUSTED:
            if not self._starving:  # once for each time it runs out, not for each attempt
                self._owner.accept_failed(failure)
            self._starving = True
            self._cancel()
            self._wait = self._loop.call_later(RETRY, self._accept, context=self._context)
        else:
            self._cancel()
            self._owner.accept_failed(failure)
