"""Provoke races: a tiny switch interval, and yields of threads around their synchronisation.

The interpreter switches threads every microsecond instead of every 5 ms. Before a lock is taken and after it is
released, and around operations on events, conditions, semaphores, queues and sockets, a thread sometimes yields or
waits for a part of a millisecond. Event loops run late timers, ready sockets and wake-ups in another order. Python
guarantees no order of threads, so correct code is not affected.
"""

import asyncio
import queue
import socket
import sys
import threading
from asyncio import base_events, events, selector_events
from collections.abc import Callable
from functools import wraps
from time import sleep
from types import TracebackType
from typing import Any

from flakeproof_worker.perturb.postponement import task_woken_by
from flakeproof_worker.perturb.watching import PerTrial
from flakeproof_worker.shared.draws import Quick

_LATE = 0.3
"""Probability that a timer is delayed."""
_LATEST = 0.003
"""Longest delay, in seconds."""
_LEFT = 0.2
"""Probability that a ready descriptor is left for the next turn of the loop."""
_POSTPONED = 0.15
"""Probability that the wake-up of a task is delayed."""


def jitter_loops(generator: Callable[[Any], Quick | None]) -> None:
    """Jitter the event loops of this process; `generator` maps a context to its trial's, None outside of trials."""
    _jitter_timers(generator)
    _jitter_readiness(generator)
    _jitter_wake_ups(generator)


def _jitter_timers(generator: Callable[[Any], Quick | None]) -> None:
    original = base_events.BaseEventLoop.call_at

    def call_at(self: Any, when: float, callback: Any, *arguments: Any, context: Any = None) -> Any:
        draw = generator(context)
        if draw is not None and draw.random() < _LATE:
            when += draw.random() * _LATEST
        return original(self, when, callback, *arguments, context=context)

    loop: Any = base_events.BaseEventLoop
    loop.call_at = call_at


def _jitter_readiness(generator: Callable[[Any], Quick | None]) -> None:
    loop: Any = selector_events.BaseSelectorEventLoop
    original = loop._process_events

    def process_events(self: Any, ready: list[Any]) -> None:
        draw = generator(None)
        if draw is not None and ready:
            # What is left is reported again by the next select: selectors report states, not changes.
            ready = [one for one in ready if draw.random() >= _LEFT]
            ready.sort(key=lambda one: draw.random())
        original(self, ready)

    loop._process_events = process_events


def _jitter_wake_ups(generator: Callable[[Any], Quick | None]) -> None:
    original: Callable[[Any], Any] = events.Handle._run

    def run(handle: Any) -> Any:
        if task_woken_by(handle) is not None:
            draw = generator(handle._context)
            if draw is not None and draw.random() < _POSTPONED:
                handle._loop.call_later(draw.random() * _LATEST, original, handle)
                return None
        return original(handle)

    handles: Any = events.Handle
    handles._run = run


_METHODS_SOCKETS = (
    "connect",
    "connect_ex",
    "accept",
    "send",
    "sendall",
    "sendmsg",
    "sendto",
    "recv",
    "recv_into",
    "recvfrom",
    "recvfrom_into",
    "recvmsg",
    "shutdown",
    "close",
)
_OWN = "flakeproof_worker.reporter"
"""The channel to the coordinator, whose timing must not depend on a trial."""


def yield_around_sockets(give_way: Callable[[], None]) -> None:
    """Make threads yield around socket operations in this process."""
    owner: Any = socket.socket
    for name in _METHODS_SOCKETS:
        if hasattr(owner, name):
            setattr(owner, name, _around_sockets(getattr(owner, name), give_way))


def _around_sockets(method: Callable[..., Any], give_way: Callable[[], None]) -> Callable[..., Any]:
    running_loop = asyncio._get_running_loop

    @wraps(method)
    def yielding(*arguments: Any, **named: Any) -> Any:
        if running_loop() is not None or sys._getframe(1).f_globals.get("__name__") == _OWN:
            return method(*arguments, **named)
        give_way()
        result = method(*arguments, **named)
        give_way()
        return result

    return yielding


_SWITCH_SECONDS = 1e-6
_GIVES_WAY = 0.25
"""Probability that a thread yields to any thread that is ready."""
_WAITS = 0.2
"""Probability that a thread waits, so that threads that were not ready yet can run, too."""
_LONGEST = 2e-3
"""Longest wait, in seconds. Most waits are much shorter: the length is the cube of a uniform draw."""
_METHODS_THREADS = (
    (threading.Condition, ("wait", "notify")),
    (threading.Event, ("set", "clear", "wait", "is_set")),
    (threading.Semaphore, ("acquire", "release")),
    (threading.Barrier, ("wait",)),
    (queue.Queue, ("put", "get", "task_done", "qsize", "empty")),
)
_BUILDERS = {"threading", "queue"}
"""Modules that build these classes from each other: one yield for each operation is enough. Yields while a thread
starts would only make threads begin one after the other."""
_original_lock, _original_rlock = threading.Lock, threading.RLock


class Race:
    """Makes the threads of a run's trials yield."""

    def __init__(self) -> None:
        self._trials: PerTrial[Quick] = PerTrial(lambda trial, seed: Quick(seed, "race"))

    def prepare(self) -> None:
        """Replace the means of synchronisation, before any code of the user is imported."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        give_way = self._give_way
        for owner, names in _METHODS_THREADS:
            for name in names:
                setattr(owner, name, _around_threads(getattr(owner, name), give_way))
        _Yielding.give_way = staticmethod(give_way)
        module: Any = threading
        module.Lock, module.RLock = _Lock, _RLock
        yield_around_sockets(give_way)
        jitter_loops(self._trials.now)

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        self._trials.begin(trial, seed)

    def end(self, trial: int) -> None:
        """The trial has ended."""
        self._trials.end(trial)

    def _give_way(self) -> None:
        generator = self._trials.now()
        if generator is None:
            return
        drawn = generator.random()
        if drawn < _WAITS:
            sleep(generator.random() ** 3 * _LONGEST)
        elif drawn < _WAITS + _GIVES_WAY:
            sleep(0)


def _around_threads(method: Callable[..., Any], give_way: Callable[[], None]) -> Callable[..., Any]:
    @wraps(method)
    def yielding(*arguments: Any, **named: Any) -> Any:
        if sys._getframe(1).f_globals.get("__name__") in _BUILDERS:
            return method(*arguments, **named)
        give_way()
        result = method(*arguments, **named)
        give_way()
        return result

    return yielding


def _is_for_builder() -> bool:
    return sys._getframe(2).f_globals.get("__name__") in _BUILDERS


class _Yielding:
    """A lock whose threads yield before they take it and after they release it."""

    give_way: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, lock: Any) -> None:
        self._lock = lock

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        self.give_way()
        taken: bool = self._lock.acquire(blocking, timeout)
        return taken

    def release(self) -> None:
        self._lock.release()
        self.give_way()

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lock, name)

    def __repr__(self) -> str:
        return repr(self._lock)


class _Lock(_Yielding):
    """Replaces `threading.Lock`."""

    def __new__(cls) -> Any:
        return _original_lock() if _is_for_builder() else super().__new__(cls)

    def __init__(self) -> None:
        super().__init__(_original_lock())


class _RLock(_Yielding):
    """Replaces `threading.RLock`, with the methods that conditions need."""

    def __new__(cls) -> Any:
        return _original_rlock() if _is_for_builder() else super().__new__(cls)

    def __init__(self) -> None:
        super().__init__(_original_rlock())

    def _release_save(self) -> Any:
        state = self._lock._release_save()
        self.give_way()
        return state

    def _acquire_restore(self, state: Any) -> None:
        self.give_way()
        self._lock._acquire_restore(state)

    def _is_owned(self) -> bool:
        owned: bool = self._lock._is_owned()
        return owned
