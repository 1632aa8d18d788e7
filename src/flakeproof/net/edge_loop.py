"""An asyncio event loop that is quick for sockets; Linux only.

It is asyncio's own selector loop with three parts replaced:

* ``sock_recv`` and its like try the system call first and wait in an epoll of their own
  (:mod:`~flakeproof.net.epoll_waits`): one ``epoll_ctl`` for a wait, where the selector needs two and more
  bookkeeping.
* Timers wake up within microseconds: epoll's own timeout counts milliseconds, so a near timer is awaited with
  ``select`` on the epoll's descriptor.
* The timer heap holds tuples, which compare in C.

Everything else - transports, ``add_reader``, subprocesses, signals, threads, debug mode - is asyncio's, and
waits in asyncio's selector, whose descriptor is one among others in the epoll.
"""

from __future__ import annotations

import asyncio
import select
import socket
import sys
from asyncio import Handle, TimerHandle
from asyncio.log import logger
from collections.abc import Callable
from contextvars import Context
from heapq import heapify, heappop, heappush
from time import monotonic
from typing import Any, Final, Self, TypeVar, TypeVarTuple, cast

from flakeproof.net.asyncio_internals import supported
from flakeproof.net.edge_sockets import SocketCalls
from flakeproof.net.epoll_waits import READABLE, EpollWaits

__all__ = ["EdgeLoop", "new_event_loop"]

_AnyHandle = TypeVar("_AnyHandle", bound=asyncio.Handle)
_Ts = TypeVarTuple("_Ts")

_STEP: Final = "TaskStepMethWrapper"  # what a task of asyncio's C code schedules for its next step
_NO_HANDLE: Final = cast("asyncio.Handle", None)
_SWEEP: Final = 1.0  # seconds between two looks for closed descriptors
_FINE: Final = 0.002  # seconds; below it a timer is awaited with select
_LONGEST: Final = 86_400.0  # seconds epoll may be asked to wait at once
_FD_SETSIZE: Final = 1024  # select(2) cannot take a greater descriptor
_FEW_CANCELLED: Final = 100  # cancelled timers that may stay in the heap, as in asyncio


class EdgeLoop(SocketCalls):
    """asyncio's selector loop, quicker for sockets and timers.

    Raises:
        NotImplementedError: no epoll on this system, or an asyncio that this class does not know.
    """

    def __new__(cls) -> Self:
        # Here and not in __init__, because the loop that asyncio would finalise has not been made yet.
        if not supported():
            this = f"{sys.platform}, Python {sys.version_info.major}.{sys.version_info.minor}"
            raise NotImplementedError(
                f"EdgeLoop needs Linux's epoll and the asyncio of Python 3.11 to 3.13; this is {this}: "
                "use new_event_loop(), which falls back to asyncio's loop"
            )
        return super().__new__(cls)

    def __init__(self) -> None:
        super().__init__()
        self._waits = EpollWaits()
        self._stock_fd: int = self._selector.fileno()
        self._waits.watch_always(self._stock_fd)
        self._timers: list[tuple[float, int, Any]] = []  # when, count, TimerHandle
        self._timer_count = 0
        self._sweep_due = 0.0

    def close(self) -> None:
        super().close()
        self._timers.clear()
        self._waits.close()

    # -- callbacks and timers

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._debug or self._closed:
            return _one_frame_less(super().call_soon(callback, *args, context=context))
        if type(callback).__name__ == _STEP and context is not None:
            # Only the C code of a task makes these, and it drops what it gets back: nobody will cancel it.
            self._ready.append((callback, context))
            return _NO_HANDLE
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._debug or self._closed or delay is None:
            return _one_frame_less(super().call_later(delay, callback, *args, context=context))
        return self._schedule(TimerHandle(monotonic() + delay, callback, args, self, context))

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if self._debug or self._closed or when is None:
            timer = _one_frame_less(super().call_at(when, callback, *args, context=context))
            self._scheduled.clear()  # where asyncio has put it
            return self._schedule(timer)
        return self._schedule(TimerHandle(when, callback, args, self, context))

    def run_soon(self, callback: Callable[[], object], context: Context) -> None:
        """Call in the next turn; :meth:`call_soon` without a handle, for what is never cancelled."""
        self._ready.append((callback, context))

    def call_when_readable(
        self, sock: socket.socket, callback: Callable[[OSError | None], object], context: Context
    ) -> ReadableCall:
        """Call once, as soon as ``sock`` is readable; lighter than ``add_reader``, and over after the call.

        The callback gets ``None``, or the error that ended the wait: ``EBADF`` if the socket was closed
        meanwhile.

        Raises:
            OSError: the descriptor cannot be waited for.
        """
        call = ReadableCall(self, sock.fileno(), callback, context)
        self._waits.add(sock, READABLE, call)
        return call

    def _schedule(self, timer: Any) -> asyncio.TimerHandle:
        self._timer_count = count = self._timer_count + 1
        # The count keeps timers of the same instant in order, and handles from being compared.
        heappush(self._timers, (timer._when, count, timer))
        timer._scheduled = True
        return cast("asyncio.TimerHandle", timer)

    def _drop_cancelled_timers(self) -> None:
        timers = self._timers
        if self._timer_cancelled_count > _FEW_CANCELLED and self._timer_cancelled_count * 2 > len(timers):
            for _, _, timer in timers:
                if timer._cancelled:
                    timer._scheduled = False
            timers[:] = [entry for entry in timers if not entry[2]._cancelled]
            heapify(timers)
            self._timer_cancelled_count = 0
        while timers and timers[0][2]._cancelled:
            heappop(timers)[2]._scheduled = False
            self._timer_cancelled_count -= 1

    # -- the loop

    def _run_once(self) -> None:
        """One turn: wait if there is nothing to do, see who is ready, run what was ready before this call."""
        ready = self._ready
        timers = self._timers
        if self._timer_cancelled_count:
            self._drop_cancelled_timers()
        timeout = 0.0 if ready or self._stopping else self._time_to_wait()
        if self._waits.poll(timeout, self._stock_fd):
            self._process_events(self._selector.select(0))
        if timers:
            now = monotonic()
            if now >= self._sweep_due:
                self._sweep(now)  # also in a loop that is never idle
            while timers and timers[0][0] <= now:
                timer = heappop(timers)[2]
                timer._scheduled = False
                if timer._cancelled:
                    self._timer_cancelled_count -= 1
                else:
                    ready.append(timer)
        if self._debug:
            self._run_ready_slowly()
            return
        # What a callback adds waits for the next turn, so that nobody starves the poll.
        popleft = ready.popleft
        for _ in range(len(ready)):
            handle = popleft()
            if type(handle) is tuple:
                callback, context = handle
                try:
                    context.run(callback)
                except (SystemExit, KeyboardInterrupt):
                    raise
                except BaseException as error:
                    self._tell(callback, error)
            elif not handle._cancelled:
                handle._run()
        handle = callback = context = None  # no cycle through an exception's traceback

    def _tell(self, callback: Callable[[], object], error: BaseException) -> None:
        self.call_exception_handler({"message": f"Exception in callback {callback!r}", "exception": error})

    def _time_to_wait(self) -> float:
        """Seconds for epoll to wait, -1 for ever; a wait too short for epoll is done here, and is 0 then."""
        timers = self._timers
        watching = len(self._waits) > 0
        if not timers and not watching:
            return -1.0
        now = monotonic()
        timeout = -1.0
        if watching:
            if now >= self._sweep_due:
                self._sweep(now)
                if self._ready:
                    return 0.0
            timeout = max(0.001, self._sweep_due - now)
        if not timers:
            return timeout
        left = timers[0][0] - now
        if left <= 0:
            return 0.0
        if left > _FINE:
            # Whole milliseconds that end before the timer does; the rest is waited for in the next turn.
            left = int(min(left, _LONGEST) * 1000 - 1) / 1000
            return left if timeout < 0 or left < timeout else timeout
        if self._waits.fd >= _FD_SETSIZE:
            return left
        select.select((self._waits.fd,), (), (), left)
        return 0.0

    def _sweep(self, now: float) -> None:
        """End waits for descriptors that have been closed, of which epoll does not tell."""
        self._sweep_due = now + _SWEEP
        self._waits.sweep()

    def _run_ready_slowly(self) -> None:
        """Debug mode: tells callbacks that take long, and which one is running."""
        for _ in range(len(self._ready)):
            handle = self._ready.popleft()
            if type(handle) is tuple:
                handle = Handle(handle[0], (), self, handle[1])
            if handle._cancelled:
                continue
            self._current_handle = handle
            try:
                started = monotonic()
                handle._run()
                took = monotonic() - started
                if took >= self.slow_callback_duration:
                    logger.warning("Executing %r took %.3f seconds", handle, took)
            finally:
                self._current_handle = None


class ReadableCall:
    """A pending :meth:`EdgeLoop.call_when_readable`."""

    __slots__ = ("_callback", "_context", "_fd", "_handle", "_loop")

    def __init__(self, loop: EdgeLoop, fd: int, callback: Callable[[OSError | None], object], context: Context) -> None:
        self._loop = loop
        self._fd = fd
        self._callback = callback
        self._context = context
        self._handle: asyncio.Handle | None = None

    def cancel(self) -> None:
        """See to it that the callback is not called (any more)."""
        self._loop._waits.discard(self._fd, self)
        if self._handle is not None:
            self._handle.cancel()

    def done(self) -> bool:
        """Whether the callback has been scheduled."""
        return self._handle is not None

    def set_result(self, result: None) -> None:
        """The socket is readable."""
        self._handle = self._loop.call_soon(self._callback, result, context=self._context)

    def set_exception(self, exception: OSError) -> None:
        """The wait ended in an error."""
        self._handle = self._loop.call_soon(self._callback, exception, context=self._context)


def _one_frame_less(handle: _AnyHandle) -> _AnyHandle:
    """In debug mode a handle keeps the stack that made it; asyncio knows of its own frames, not of ours."""
    if stack := getattr(handle, "_source_traceback", None):
        del stack[-1]
    return handle


def new_event_loop() -> asyncio.AbstractEventLoop:
    """An :class:`EdgeLoop` where there is epoll, else asyncio's own loop; fit for ``asyncio.Runner``."""
    return EdgeLoop() if supported() else asyncio.new_event_loop()
