"""What the threaded and the asyncio server share: limits, how background work ended, and where it stands."""

from __future__ import annotations

import asyncio
import errno
import sys
import traceback
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from types import FrameType
from typing import Any, Final

from flakeproof.net.addresses import format_address

__all__ = [
    "BACKLOG",
    "CONNECTION_DEADLINE",
    "EXHAUSTED",
    "PASSING",
    "RETRY",
    "SHUTDOWN_TIMEOUT",
    "ErrorLog",
    "ShutdownError",
    "Unfinished",
    "deadline_error",
    "is_consequence_of_closing",
    "note_on",
    "task_stands_at",
    "thread_stands_at",
]

CONNECTION_DEADLINE: Final = 60.0
"""Seconds a connection may live from its acceptance on."""

SHUTDOWN_TIMEOUT: Final = 5.0
"""Seconds background work may take to end after ``shutdown()``."""

BACKLOG: Final = 128
"""Connections the kernel keeps for the accept loop."""

EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""Errors of accept(2) that leave the connection in the queue: trying again at once would spin."""

RETRY: Final = 0.05
"""Seconds until the next accept after one of them."""

PASSING: Final = frozenset(
    getattr(errno, name)
    for name in (
        *("EAGAIN", "EINTR", "ECONNABORTED", "EPERM"),
        *("ENETDOWN", "EPROTO", "ENOPROTOOPT", "EHOSTDOWN", "ENONET", "EHOSTUNREACH", "ENETUNREACH"),
    )
    if hasattr(errno, name)
)
"""Errors of accept(2) that concern one connection only, or none; the second line is accept(2)'s list for
Linux."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One background unit that was still running when ``shutdown()`` gave up."""

    name: str
    """Name of the thread or task."""
    peer: str | None
    """Address of the connection it serves, ``None`` for the accept loop."""
    where: str
    """Innermost line it was standing at, ``file:line in function``."""

    def __str__(self) -> str:
        peer = f" (peer {self.peer})" if self.peer else ""
        return f"{self.name}{peer} at {self.where}"


class ShutdownError(Exception):
    """Background work outlived ``shutdown(timeout=...)``.

    Errors that handlers had reported by then are its ``__cause__``, an exception group.
    """

    def __init__(self, server: str, timeout: float, unfinished: tuple[Unfinished, ...]) -> None:
        self.server = server
        self.timeout = timeout
        """Seconds that were granted."""
        self.unfinished = unfinished
        super().__init__(server, timeout, unfinished)

    def __str__(self) -> str:
        units = "".join(f"\n  {unit}" for unit in self.unfinished)
        return (
            f"{self.server}: {len(self.unfinished)} background unit(s) did not end within "
            f"{self.timeout:g} s of shutdown; make the handler return when its connection ends:{units}"
        )


_FRAMES: Final = 4


def _line(frames: Iterable[tuple[FrameType, int]]) -> str:
    """Innermost frame first; a few callers, because the innermost one often is a library's."""
    lines = [f"{frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}" for frame, line in frames]
    return " <- ".join(lines) or "an unknown place"


def thread_stands_at(ident: int | None) -> str:
    """Where the thread of this identifier stands: ``file:line in function``, then its callers."""
    frame = sys._current_frames().get(ident) if ident is not None else None
    return _line(islice(_callers(frame), _FRAMES))


def _callers(frame: FrameType | None) -> Iterator[tuple[FrameType, int]]:
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def task_stands_at(task: asyncio.Task[Any]) -> str:
    """Where a suspended task awaits: ``file:line in function``, then its callers."""
    chain: list[tuple[FrameType, int]] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        chain.append((frame, frame.f_lineno))
        awaited = awaited.cr_await
    return _line(chain[: -_FRAMES - 1 : -1])


_CLOSED_UNDER_HANDLER: Final = frozenset(
    {errno.EPIPE, errno.ECONNRESET, errno.ECONNABORTED, errno.ENOTCONN, errno.ESHUTDOWN}
)


def is_consequence_of_closing(error: BaseException) -> bool:
    """Whether a handler may well have met this error only because the server shut its connection down.

    ``EBADF`` is none: the server shuts a handler's connection down, but never closes the descriptor under it.
    """
    if isinstance(error, OSError):
        return error.errno in _CLOSED_UNDER_HANDLER
    return isinstance(error, EOFError)


def deadline_error(peer: object, deadline: float) -> TimeoutError:
    """The error that reports a connection which was shut down at its deadline."""
    return TimeoutError(
        errno.ETIMEDOUT, f"the connection from {format_address(peer)} outlived its deadline of {deadline:g} s"
    )


def note_on(error: BaseException, finding: BaseException) -> None:
    """Tell ``finding`` in a note on the error that is under way already, which is not to be replaced."""
    error.add_note("also:\n" + "".join(traceback.format_exception(finding)).rstrip())


class ErrorLog(list[BaseException]):
    """Errors of background work: kept for good, raised once. Not synchronised."""

    raised = 0
    """How many of them have been raised."""

    def conclude(self, server: str, timeout: float, unfinished: tuple[Unfinished, ...]) -> None:
        """Raise what has not been raised yet.

        Raises:
            ShutdownError: something is unfinished; new errors are its cause, as a group.
            BaseExceptionGroup: new errors; an ``ExceptionGroup`` if all of them are plain ``Exception``.
        """
        new = self[self.raised :]
        self.raised += len(new)
        group = BaseExceptionGroup(f"errors in the background of {server}", new) if new else None
        if unfinished:
            raise ShutdownError(server, timeout, unfinished) from group
        if group is not None:
            raise group
