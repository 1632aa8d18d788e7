"""Which trial the running code works for, also in the threads, pools and tasks that the trial has started.

A trial is known in its own thread or task (`flakeproof_worker.current`). From there it follows

- a new thread, whoever waits for it and however long it lives;
- work that is given to a pool of threads, whoever started the pool's threads;
- a task, which asyncio gives a copy of the context; where trials run one at a time in the main thread and the context
  says nothing, the task itself is remembered.

Nothing else of the context is copied anywhere: code that relies on a new thread starting with an empty one sees what
it always sees.
"""

import _thread
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from types import ModuleType
from typing import Any, NamedTuple

from flakeproof_worker.current import ALONE, RUNNING
from flakeproof_worker.import_hooks import replace, when_imported
from flakeproof_worker.shared.private import os

Doer = tuple[int, str]
"""Number of a trial (0: none) and pytest's id of the test in it ("": none)."""

ITEM: list[str] = [""]
"""pytest's id of the test that runs now, where this process runs one at a time."""

NOBODY: Doer = (0, "")


class _Owner(NamedTuple):
    doer: Doer
    running: tuple[int, int] | None
    """RUNNING at that time: once it has been set anew, this owner is out of date."""


_OWNER: ContextVar[_Owner | None] = ContextVar("flakeproof_owner", default=None)
_TASKS: weakref.WeakKeyDictionary[Any, Doer] = weakref.WeakKeyDictionary()
_INSTALLED: list[bool] = []
_this_task: Callable[[], Any] = lambda: None  # noqa: E731 - replaced when asyncio comes in


def current() -> Doer:
    """The trial and the test that this code runs for; (0, "") outside of any."""
    owner, running = _OWNER.get(), RUNNING.get(None)
    if owner is not None and owner.running is running:
        return owner.doer
    if ALONE[0] is not None or ITEM[0]:
        task = _this_task() if _TASKS else None
        if task is not None and (doer := _TASKS.get(task)) is not None:
            return doer
        running = running or ALONE[0]
    return (running[0], ITEM[0]) if running is not None else NOBODY


@contextmanager
def outside() -> Iterator[None]:
    """Have what is created here belong to no trial: a fixture of the session, say, which outlives the trial."""
    token = _OWNER.set(_Owner(NOBODY, RUNNING.get(None)))
    try:
        yield
    finally:
        _OWNER.reset(token)


def install() -> None:
    """Have the trial follow threads, pools and tasks from now on; to be called before any code of the user's."""
    if _INSTALLED:
        return
    _INSTALLED.append(True)
    replace(_thread, "start_new_thread", _starting)
    # Bound by `threading` under names of its own: the former up to Python 3.12, the latter since 3.13.
    replace(threading, "_start_new_thread", _starting)
    replace(threading, "_start_joinable_thread", _starting)
    when_imported("concurrent.futures.thread", _carry_through_executor)
    when_imported("multiprocessing.pool", _carry_through_pool)
    when_imported("asyncio.base_events", lambda module: _remember_tasks(module.BaseEventLoop))
    when_imported("uvloop", lambda module: _remember_tasks(module.Loop))
    os.register_at_fork(after_in_child=_TASKS.clear)


class _Carried:
    """The function of a thread, or a piece of work for one of a pool: it runs for the trial it was handed over in.

    It does not set back what it finds: what a pool's thread does after a piece of work, which is to call whoever waits
    for the result, is part of it. The next piece brings its own trial.
    """

    __slots__ = ("_doer", "_function", "_running")

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._doer = current()
        self._running = RUNNING.get(None) or (ALONE[0] if self._doer[0] else None)

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        if self._running is not None:
            RUNNING.set(self._running)
        _OWNER.set(_Owner(self._doer, self._running or RUNNING.get(None)))
        return self._function(*arguments, **named)

    def __repr__(self) -> str:
        return repr(self._function)

    def __reduce__(self) -> tuple[Any, ...]:
        return partial, (self._function,)  # an interpreter of its own gets the plain function


def _starting(real: Callable[..., Any]) -> Callable[..., Any]:
    def start(*arguments: Any, **named: Any) -> Any:
        if arguments and callable(arguments[0]):
            return real(_Carried(arguments[0]), *arguments[1:], **named)
        return real(*arguments, **named)

    return start


def _submitting(real: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: Any, fn: Any, /, *arguments: Any, **named: Any) -> Any:
        return real(self, _Carried(fn) if callable(fn) else fn, *arguments, **named)

    return submit


def _carry_through_executor(module: ModuleType) -> None:
    replace(module.ThreadPoolExecutor, "submit", _submitting)


def _carry_through_pool(module: ModuleType) -> None:
    # These methods are Pool's; a pool of processes would have to pickle the function, so only ThreadPool gets ours.
    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        replace(module.ThreadPool, name, _mapping)


def _mapping(real: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: Any, func: Any, *arguments: Any, **named: Any) -> Any:
        return real(self, _Carried(func) if callable(func) else func, *arguments, **named)

    return submit


def _remember_tasks(loop_class: type) -> None:
    global _this_task
    asyncio_events, asyncio_tasks = sys.modules["asyncio.events"], sys.modules["asyncio.tasks"]

    def this_task() -> Any:
        loop = asyncio_events._get_running_loop()
        return asyncio_tasks.current_task(loop) if loop is not None else None

    _this_task = this_task
    replace(loop_class, "create_task", _creating)


def _creating(real: Callable[..., Any]) -> Callable[..., Any]:
    def create_task(self: Any, coro: Any, *arguments: Any, **named: Any) -> Any:
        task = real(self, coro, *arguments, **named)
        if ALONE[0] is not None or ITEM[0]:  # elsewhere the context knows
            with suppress(TypeError):  # a factory's own kind of task, without weak references
                _TASKS[task] = current()
        return task

    return create_task
