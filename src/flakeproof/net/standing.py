"""Where a thread or task stands right now, in one line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import Any, Final

__all__ = ["task_stands_at", "thread_stands_at"]

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
