"""Who waits for which descriptor: one-shot registrations in an epoll of one's own.

One ``epoll_ctl`` arms a descriptor, and one event disarms it; nothing is ever unregistered. A closed
descriptor leaves the epoll by itself, and a wait given up leaves a registration that fires at most once, into
nothing.

Two things need care. A number that was closed can be somebody else's a moment later: waits remember their
socket, and those left over from its former owner end with ``EBADF``. And epoll says nothing at all when an
awaited descriptor is
closed: :meth:`EpollWaits.sweep` looks for such waits from time to time.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import Final, Protocol

__all__ = ["READABLE", "WRITABLE", "EpollWaits", "Wakeable"]

# Zero where there is no epoll, so that the module can be imported everywhere.
READABLE: Final[int] = getattr(select, "EPOLLIN", 0)
WRITABLE: Final[int] = getattr(select, "EPOLLOUT", 0)
_ONE_SHOT: Final[int] = getattr(select, "EPOLLONESHOT", 0)
# epoll_ctl(2): reported whether asked for or not; both directions have to look at them.
_ALWAYS: Final[int] = getattr(select, "EPOLLERR", 0) | getattr(select, "EPOLLHUP", 0)
_EVENTS: Final = 256  # taken from the kernel at once


class Wakeable(Protocol):
    """The part of ``asyncio.Future`` that a wait needs."""

    def done(self) -> bool: ...
    def set_result(self, result: None, /) -> None: ...
    def set_exception(self, exception: OSError, /) -> None: ...


_Wait = tuple[int, socket.socket, Wakeable]


class EpollWaits:
    """A table of waits over one epoll. Not synchronised: it belongs to one event loop."""

    __slots__ = ("_armed_for", "_poller", "_table", "fd")

    def __init__(self) -> None:
        self._poller = select.epoll()
        self.fd: Final = self._poller.fileno()
        self._table: dict[int, list[_Wait]] = {}
        self._armed_for: dict[int, int] = {}  # number -> id of the socket last armed: only a hint

    def __len__(self) -> int:
        return len(self._table)

    def close(self) -> None:
        """Close the epoll and forget all waits."""
        self._poller.close()
        self._table.clear()

    def watch_always(self, fd: int) -> None:
        """Report ``fd`` from :meth:`poll` whenever it is readable."""
        self._poller.register(fd, READABLE)

    def add(self, sock: socket.socket, direction: int, target: Wakeable) -> None:
        """Wake ``target`` once ``sock`` is ready in that direction.

        Raises:
            OSError: the descriptor cannot be waited for: ``EBADF``, ``EPERM``.
        """
        fd = sock.fileno()
        mask = direction
        if fd in self._table:
            self._drop_stale(fd)
            for other, _, _ in self._table.get(fd, ()):
                mask |= other
        self._arm(fd, mask, sock)
        waits = self._table.get(fd)
        if waits is None:
            self._table[fd] = [(direction, sock, target)]
        else:
            waits.append((direction, sock, target))

    def discard(self, fd: int, target: Wakeable) -> None:
        """Give a wait up, if it is still there."""
        waits = [wait for wait in self._table.pop(fd, ()) if wait[2] is not target]
        if waits:
            self._table[fd] = waits

    def poll(self, timeout: float, always: int) -> bool:
        """Wake whoever is ready.

        Args:
            timeout: seconds to wait for the first event, rounded up to milliseconds; -1 for ever.
            always: the descriptor of :meth:`watch_always`.

        Returns:
            Whether ``always`` is readable.
        """
        table = self._table
        hit = False
        for fd, event in self._poller.poll(timeout, _EVENTS):
            if fd == always:
                hit = True
                continue
            waits = table.pop(fd, None)
            if waits is None:
                continue
            if event & _ALWAYS:
                event |= READABLE | WRITABLE
            left = None
            for wait in waits:
                if not event & wait[0]:
                    left = [*(left or ()), wait]
                elif not wait[2].done():
                    wait[2].set_result(None)
            if left is not None:
                self._rearm(fd, left)
        return hit

    def sweep(self) -> None:
        """End the waits for descriptors that have been closed, with ``EBADF``."""
        for fd in list(self._table):
            self._drop_stale(fd)
            if waits := self._table.get(fd):
                self._rearm(fd, waits)

    def _arm(self, fd: int, mask: int, sock: socket.socket) -> None:
        identity = id(sock)
        if self._armed_for.get(fd) == identity:
            try:
                self._poller.modify(fd, mask | _ONE_SHOT)
            except FileNotFoundError:
                self._poller.register(fd, mask | _ONE_SHOT)
            return
        try:
            self._poller.register(fd, mask | _ONE_SHOT)
        except FileExistsError:
            self._poller.modify(fd, mask | _ONE_SHOT)
        self._armed_for[fd] = identity

    def _rearm(self, fd: int, waits: list[_Wait]) -> None:
        """Arm again for waits that are in the epoll already; end them if they are not."""
        mask = _ONE_SHOT
        for direction, _, _ in waits:
            mask |= direction
        try:
            self._poller.modify(fd, mask)
        except OSError:
            self._table.pop(fd, None)
            for _, _, target in waits:
                _fail(fd, target)
        else:
            self._table[fd] = waits

    def _drop_stale(self, fd: int) -> None:
        """End the waits whose socket does not have this number any more."""
        kept = []
        for wait in self._table.pop(fd, ()):
            if wait[1].fileno() == fd:
                kept.append(wait)
            else:
                _fail(fd, wait[2])
        if kept:
            self._table[fd] = kept


def _fail(fd: int, target: Wakeable) -> None:
    if not target.done():
        target.set_exception(
            OSError(errno.EBADF, f"descriptor {fd} was closed while somebody waited for it to become ready")
        )
