"""Threads that outlive their trial.

An idle pool thread belongs to the trial that made the pool, wherever the thread was started: it waits for work as long
as the pool exists. A thread belongs to no trial if its pool was made outside of any trial, such as a global one, or by
an event loop for itself: that pool lives as long as the loop.
"""

import _thread
import re
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from types import MethodType, ModuleType
from typing import Any

from flakeproof_worker.import_hooks import replace, when_imported
from flakeproof_worker.sanitize.allowlist import name_of, named
from flakeproof_worker.sanitize.attribution import NOBODY, current
from flakeproof_worker.sanitize.leaks.ledger import Ledger
from flakeproof_worker.sanitize.leaks.leftover import Creation, Description, Leftover
from flakeproof_worker.sanitize.sighting import SightingPart, here, of_frame, places

_AUTOMATIC = re.compile(r"(Thread|Dummy)-\d+( \(.*\))?")
_POOLS: weakref.WeakKeyDictionary[Any, Creation] = weakref.WeakKeyDictionary()
_LOOPS_OWN: ContextVar[bool] = ContextVar("flakeproof_loops_own", default=False)


def install(ledger: Ledger) -> None:
    """Add every thread that a trial starts to `ledger`."""
    replace(_thread, "start_new_thread", _starting_raw(ledger))
    replace(threading, "_start_new_thread", _starting(ledger))
    replace(threading, "_start_joinable_thread", _starting(ledger))
    when_imported("concurrent.futures.thread", lambda module: _know_pools(module))
    when_imported("asyncio.base_events", lambda module: replace(module.BaseEventLoop, "run_in_executor", _lending))
    when_imported("uvloop", lambda module: replace(module.Loop, "run_in_executor", _lending))


def is_this(leftover: Leftover) -> bool:
    """Whether `leftover` is the thread that calls this."""
    if isinstance(leftover, _Thread):
        thread = leftover()
        return thread is not None and thread.ident == _thread.get_ident()
    return isinstance(leftover, _RawThread) and leftover.ident == _thread.get_ident()


class _Thread(weakref.ref[threading.Thread], Leftover):
    __slots__ = ("creation", "lingered_ns", "seen", "started")

    started: Creation | None
    """For a pool's thread: where it was started, as its creation is where the pool was made; None for other threads."""

    def is_gone(self) -> bool:
        thread = self()
        # A thread without an identity is just being started.
        return thread is None or (thread.ident is not None and not thread.is_alive())

    def describe(self) -> Description | None:
        thread = self()
        if thread is None:
            return None
        pool = self.started is not None
        code = "ThreadPoolExecutor worker" if pool else _code_of(thread)
        automatic = bool(_AUTOMATIC.fullmatch(thread.name)) or (pool and thread.name.startswith("ThreadPoolExecutor-"))
        what = named("thread", code, thread.name, automatic=automatic)
        name = f"{'daemon ' if thread.daemon else ''}thread {code} ('{thread.name}')"
        return Description("thread", what, name, "left running", self._others(thread))

    def _others(self, thread: threading.Thread) -> tuple[SightingPart, ...]:
        trial, item = self.creation.doer
        parts = []
        if self.started is not None:
            doer, stack = self.started
            parts.append(SightingPart("started", places(stack), *doer))
        now = places(of_frame(sys._current_frames().get(thread.ident or 0)))
        if now:
            parts.append(SightingPart("running", now, trial, item))
        return tuple(parts)


class _RawThread(Leftover):
    """A thread started by `_thread` without `threading`; this object is also the function that it runs."""

    __slots__ = ("_function", "_ledger", "_over", "creation", "ident", "lingered_ns", "seen")

    def __init__(self, function: Callable[..., Any], creation: Creation, ledger: Ledger) -> None:
        self._function = function
        self._ledger = ledger
        self._over = False
        self.creation = creation
        self.lingered_ns = 0
        self.seen: Description | None = None
        self.ident = 0

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        self.ident = _thread.get_ident()
        try:
            return self._function(*arguments, **named)
        finally:
            self.end()

    def __repr__(self) -> str:
        return repr(self._function)

    def end(self) -> None:
        self._over = True
        self._ledger.discard(self)

    def is_gone(self) -> bool:
        return self._over

    def describe(self) -> Description | None:
        what = f"thread {name_of(self._function)}"
        now = places(of_frame(sys._current_frames().get(self.ident)))
        others = (SightingPart("running", now, *self.creation.doer),) if now else ()
        return Description("thread", what, what, "left running", others)


def _starting(ledger: Ledger) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(real: Callable[..., Any]) -> Callable[..., Any]:
        def start(*arguments: Any, **named: Any) -> Any:
            started = real(*arguments, **named)
            bootstrap = arguments[0] if arguments else None
            if type(bootstrap) is MethodType and isinstance(bootstrap.__self__, threading.Thread):
                _note(ledger, bootstrap.__self__)
            return started

        return start

    return make


def _starting_raw(ledger: Ledger) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def make(real: Callable[..., Any]) -> Callable[..., Any]:
        def start_new_thread(*arguments: Any, **named: Any) -> Any:
            doer = current()
            if doer == NOBODY or not arguments or not callable(arguments[0]):
                return real(*arguments, **named)
            thread = _RawThread(arguments[0], Creation(doer, here(2)), ledger)
            ledger.add(thread)
            try:
                return real(thread, *arguments[1:], **named)
            except BaseException:
                thread.end()
                raise

        return start_new_thread

    return make


def _note(ledger: Ledger, thread: threading.Thread) -> None:
    doer = current()
    created = Creation(doer, ())
    started = None
    pool = _pool_of(thread)
    if pool is not None:
        created = _POOLS.get(pool, Creation(NOBODY, ()))
        started = doer
    if created.doer == NOBODY:
        return
    stack = here(3)
    noted = _Thread(thread, ledger.discard)
    noted.creation = created if started else Creation(doer, stack)
    noted.started = Creation(started, stack) if started else None
    noted.lingered_ns = 0
    noted.seen = None
    ledger.add(noted)


def _pool_of(thread: threading.Thread) -> Any:
    """The ThreadPoolExecutor whose worker the thread is; None if it is none's."""
    module = sys.modules.get("concurrent.futures.thread")
    if module is None or getattr(thread, "_target", None) is not module._worker:
        return None
    arguments = getattr(thread, "_args", None)
    return next((value() for value in arguments or () if isinstance(value, weakref.ref)), None)


def _know_pools(module: ModuleType) -> None:
    def making(real: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Any, *arguments: Any, **named: Any) -> None:  # noqa: N807
            doer = current()
            if doer != NOBODY and not _LOOPS_OWN.get():
                with suppress(TypeError):  # a subclass that cannot be hashed
                    _POOLS[self] = Creation(doer, here(2))
            real(self, *arguments, **named)

        return __init__

    replace(module.ThreadPoolExecutor, "__init__", making)


def _lending(real: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a loop's run_in_executor, which makes a pool for itself when it is given none."""

    def run_in_executor(self: Any, executor: Any, func: Any, *arguments: Any) -> Any:
        if executor is not None:
            return real(self, executor, func, *arguments)
        token = _LOOPS_OWN.set(True)
        try:
            return real(self, executor, func, *arguments)
        finally:
            _LOOPS_OWN.reset(token)

    return run_in_executor


def _code_of(thread: threading.Thread) -> str:
    """The name of the code that a thread runs."""
    if isinstance(thread, threading.Timer):
        return f"Timer of {name_of(thread.function)}"
    if type(thread).run is not threading.Thread.run:
        return f"{type(thread).__qualname__}.run"
    target = getattr(thread, "_target", None)
    return name_of(target) if target is not None else type(thread).__qualname__
