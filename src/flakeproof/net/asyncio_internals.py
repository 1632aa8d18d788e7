"""The private parts of asyncio that :class:`~flakeproof.net.EdgeLoop` builds on, declared in one place.

They are the same in Python 3.11, 3.12 and 3.13. ``supported()`` looks for them, so that another Python gets
asyncio's own loop from ``new_event_loop()`` instead of one that breaks.
"""

from __future__ import annotations

import asyncio
import select
from asyncio import base_events
from collections import deque
from typing import TYPE_CHECKING, Any

__all__ = ["LoopInternals", "check_ssl_socket", "supported"]

if TYPE_CHECKING:

    class LoopInternals(asyncio.SelectorEventLoop):
        """What ``asyncio.base_events`` and ``asyncio.selector_events`` keep to themselves."""

        _closed: bool
        _current_handle: asyncio.Handle | None
        _debug: bool
        _ready: deque[Any]
        _scheduled: list[Any]
        _selector: Any
        _stopping: bool
        _task_factory: Any
        _timer_cancelled_count: int
        _transports: Any

        def _ensure_fd_no_transport(self, fd: int) -> None: ...
        async def _ensure_resolved(self, address: Any, **hints: Any) -> list[tuple[Any, ...]]: ...
        def _process_events(self, event_list: list[Any]) -> None: ...

else:
    LoopInternals = asyncio.SelectorEventLoop

_LOOP_METHODS = (
    "_ensure_fd_no_transport",
    "_ensure_resolved",
    "_process_events",
    "_run_once",
    "_timer_handle_cancelled",
)
_HANDLE_SLOTS = (
    "_args",
    "_callback",
    "_cancelled",
    "_context",
    "_run",
    "_scheduled",
    "_source_traceback",
    "_when",
)


def supported() -> bool:
    """Whether there is an epoll, and an asyncio of the kind this package knows."""
    return (
        hasattr(select, "epoll")
        and all(hasattr(asyncio.SelectorEventLoop, name) for name in _LOOP_METHODS)
        and all(hasattr(asyncio.TimerHandle, name) for name in _HANDLE_SLOTS)
        and hasattr(base_events, "_check_ssl_socket")
    )


def check_ssl_socket(sock: object) -> None:
    """Refuse an SSL socket, with asyncio's words.

    Raises:
        TypeError: it is one.
    """
    base_events._check_ssl_socket(sock)  # type: ignore[attr-defined]
