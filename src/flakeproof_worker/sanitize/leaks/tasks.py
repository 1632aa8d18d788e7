"""asyncio's tasks that outlive their trial, in any loop.

Only tasks made by a loop's `create_task` are known; asyncio itself uses it everywhere. The task of the trial itself is
made in another way, so it is not among them.
"""

import sys
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

from flakeproof_worker.import_hooks import replace, when_imported
from flakeproof_worker.sanitize.allowlist import named
from flakeproof_worker.sanitize.attribution import NOBODY, current
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import LIMIT, SightingPart, here, places


def install(ledger: Ledger) -> None:
    """Add every task that a trial makes to `ledger`."""

    def creating(real: Callable[..., Any]) -> Callable[..., Any]:
        def create_task(self: Any, coro: Any, *arguments: Any, **named: Any) -> Any:
            task = real(self, coro, *arguments, **named)
            doer = current()
            if doer != NOBODY and not task.done():
                _note(ledger, task, doer)
            return task

        return create_task

    when_imported("asyncio.base_events", lambda module: replace(module.BaseEventLoop, "create_task", creating))
    when_imported("uvloop", lambda module: replace(module.Loop, "create_task", creating))


def is_this(leftover: Leftover) -> bool:
    """Whether `leftover` is the task that calls this."""
    if not isinstance(leftover, _Task):
        return False
    asyncio = sys.modules["asyncio"]
    loop = asyncio._get_running_loop()
    return loop is not None and asyncio.current_task(loop) is leftover()


class _Task(weakref.ref[Any], Leftover):
    __slots__ = ("creation", "lingered_ns", "seen")

    def is_gone(self) -> bool:
        task = self()
        return task is None or task.done()

    def describe(self) -> Description | None:
        task = self()
        if task is None:
            return None
        name = str(task.get_name()) if hasattr(task, "get_name") else ""
        coroutine = task.get_coro() if hasattr(task, "get_coro") else None
        code = getattr(coroutine, "__qualname__", None) or type(coroutine).__qualname__
        what = named("task", code, name, automatic=not name or name.startswith("Task-"))
        state = "left running"
        if task.get_loop().is_closed():
            state = "left pending in a closed loop"
        now = _awaiting(coroutine)
        others = (SightingPart("running", now, *self.creation.doer),) if now else ()
        return Description("task", what, f"task {code} ('{name}')", state, others)


def _note(ledger: Ledger, task: Any, doer: tuple[int, str]) -> None:
    try:
        noted = _Task(task, ledger.discard)
    except TypeError:
        return  # a task factory's own class may not support weak references
    noted.creation = Creation(doer, here(3))
    noted.lingered_ns = 0
    noted.seen = None
    ledger.add(noted)


def _awaiting(coroutine: Any) -> tuple[Any, ...]:
    """The places at which a coroutine and everything that it awaits are suspended, innermost first."""
    found: list[tuple[Any, int]] = []
    while coroutine is not None and len(found) < 100:
        frame: FrameType | None = getattr(coroutine, "cr_frame", None) or getattr(coroutine, "gi_frame", None)
        if frame is None:
            break
        found.append((frame.f_code, frame.f_lasti))
        coroutine = getattr(coroutine, "cr_await", None) or getattr(coroutine, "gi_yieldfrom", None)
    return places(tuple(reversed(found)))[:LIMIT]
