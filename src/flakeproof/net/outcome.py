"""How background work ended and how that is told; shared by the threaded and the asyncio server."""

from __future__ import annotations

import errno
import traceback
from typing import Final

from flakeproof.net.addresses import format_address
from flakeproof.net.errors import ShutdownError, Unfinished

__all__ = ["ErrorLog", "deadline_error", "is_consequence_of_closing", "note_on"]

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
