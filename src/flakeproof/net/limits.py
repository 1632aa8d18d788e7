"""Limits and accept errors that the threaded and the asyncio server share."""

from __future__ import annotations

import errno
from typing import Final

__all__ = ["BACKLOG", "CONNECTION_DEADLINE", "EXHAUSTED", "PASSING", "RETRY", "SHUTDOWN_TIMEOUT"]

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
