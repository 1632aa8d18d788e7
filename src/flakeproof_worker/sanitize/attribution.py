"""Attribute the running code to a trial, also in the threads, pools and tasks that the trial has started.

A trial is known in its own thread or task (`flakeproof_worker.current`). From there, the trial is passed on

- to a new thread, whatever waits for it and however long it lives;
- to work that is submitted to a thread pool, whatever started the pool's threads;
- to a task, which asyncio gives a copy of the context; where trials run one at a time in the main thread and the
  context does not name the trial, the task itself is remembered.

Nothing else of the context is copied: a new thread still starts with an otherwise empty context, as code may expect.
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
"""The number of a trial (0: none) and pytest's id of the test in it ("": none)."""

ITEM: list[str] = [""]
"""pytest's id of the running test, where this process runs one test at a time."""

NOBODY: Doer = (0, "")


class _Owner(NamedTuple):
    doer: Doer
    running: tuple[int, int] | None
    """The value of RUNNING at that time: once RUNNING has been set anew, this owner is out of date."""


_OWNER: ContextVar[_Owner | None] = ContextVar("flakeproof_owner", default=None)
_TASKS: weakref.WeakKeyDictionary[Any, Doer] = weakref.WeakKeyDictionary()
_INSTALLED: list[bool] = []
_this_task: Callable[[], Any] = lambda: None  # noqa: E731 - replaced when asyncio is imported


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
    """Attribute what is created in this block to no trial: a session fixture, say, which outlives the trial."""
    token = _OWNER.set(_Owner(NOBODY, RUNNING.get(None)))
    try:
        yield
    finally:
        _OWNER.reset(token)


def install() -> None:
    """From now on, pass the trial on to threads, pools and tasks; call this before any code of the user runs."""
    if _INSTALLED:
        return
    _INSTALLED.append(True)
    replace(_thread, "start_new_thread", _starting)
    # `threading` binds the function under its own names: the first up to Python 3.12, the second since 3.13.
    replace(threading, "_start_new_thread", _starting)
    replace(threading, "_start_joinable_thread", _starting)
    when_imported("concurrent.futures.thread", _carry_through_executor)
    when_imported("multiprocessing.pool", _carry_through_pool)
    when_imported("asyncio.base_events", lambda module: _remember_tasks(module.BaseEventLoop))
    when_imported("uvloop", lambda module: _remember_tasks(module.Loop))
    os.register_at_fork(after_in_child=_TASKS.clear)


class _Carried:
    """The function of a thread, or work for a pool's thread, which runs for the trial that submitted it.

    The trial is not reset afterwards: the callbacks that a pool's thread calls after the work still belong to the
    trial. The next piece of work brings its own trial.
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
        return partial, (self._function,)  # another interpreter gets the plain function


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
    # The methods are defined in Pool, but only ThreadPool gets the wrappers: other pools must pickle the function.
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
        if ALONE[0] is not None or ITEM[0]:  # elsewhere the context names the trial
            with suppress(TypeError):  # a task factory's own class may not support weak references
                _TASKS[task] = current()
        return task

    return create_task
