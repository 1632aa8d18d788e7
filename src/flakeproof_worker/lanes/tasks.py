"""Several trials run at once in one event loop, each as a task; for targets that are coroutine functions."""

import asyncio
import threading
from asyncio import CancelledError
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from functools import wraps
from types import CoroutineType, TracebackType
from typing import Any, ParamSpec

from flakeproof_worker import culprit, environment
from flakeproof_worker.current import RUNNING
from flakeproof_worker.generators import randomness_for
from flakeproof_worker.shared import board
from flakeproof_worker.shared.private import time
from flakeproof_worker.shared.process_exit import end_at_once, print_if_possible
from flakeproof_worker.shared.stacks import stack_of
from flakeproof_worker.trial_context import Duty


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    duty.watch_forks()
    if duty.lanes > 1:
        culprit.show_on(duty.words)
        for lane in range(duty.lanes):
            board.show_thread(duty.words, lane, threading.get_ident())
    loop: asyncio.AbstractEventLoop = duty.loaded.new_loop() if duty.loaded.new_loop else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    _Lanes(duty, loop).run()


_P = ParamSpec("_P")


def _or_end(callback: Callable[_P, None]) -> Callable[_P, None]:
    """Let an internal error in `callback` end the process: the event loop would only log it, and wait for ever."""

    @wraps(callback)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except BaseException as error:
            end_at_once(error)

    return guarded


class _Lanes:
    """Keeps every lane busy while trials remain."""

    def __init__(self, duty: Duty, loop: asyncio.AbstractEventLoop) -> None:
        self.duty = duty
        self.alone = duty.lanes == 1
        self._loop = loop
        self._running: dict[int, _Trial] = {}
        self._exporter = environment.Exporter() if self.alone else None
        self._randomness = randomness_for(duty.perturbations) if self.alone else None
        self._context = copy_context()
        self._ended = False
        if not self.alone:
            environment.clear()

    def run(self) -> None:
        channel = self.duty.channel.fileno()
        self._loop.add_reader(channel, self._hear)
        while not self._ended:
            try:
                self._loop.run_forever()  # returns early when a trial stops the loop
            except (SystemExit, KeyboardInterrupt) as error:
                # A task that a trial has left behind raised this. asyncio lets these two exceptions out of the loop;
                # the trials in flight did not cause them.
                print_if_possible(error)
        self._loop.remove_reader(channel)
        self.duty.reporter.flush()

    @_or_end
    def _hear(self) -> None:
        duty = self.duty
        duty.leave_if_unwanted()
        duty.leases.hear(duty.channel.receive_ready())
        expired, duty.leases.expired = set(duty.leases.expired), []
        for trial in list(self._running.values()):
            if trial.number in expired:
                trial.expire()
        for lane in range(duty.lanes):
            if lane not in self._running and not self._start_next(lane):
                break

    def announce(self, number: int, seed: int) -> None:
        """Announce the trial to the code that is about to run: its number and seed."""
        RUNNING.set((number, seed))
        if self._exporter is not None and self._randomness is not None:
            self._exporter.show(number, seed)
            self._randomness.seed(seed)

    def leave(self, trial: "_Trial", nanoseconds: int, error: BaseException | None) -> None:
        """Report how `trial` ended, and give its lane to the next trial."""
        try:
            duty = self.duty
            duty.leave_if_unwanted(error)
            if trial.expired_ns:
                output = duty.output.take() if self.alone else ""
                nanoseconds = trial.expired_ns - trial.started_ns
                duty.reporter.ended(trial.number, nanoseconds, outcome="timed out", stacks=trial.stack, output=output)
            elif error is not None:
                duty.report_exception(trial.number, error, nanoseconds, duty.output.take() if self.alone else "")
            elif nanoseconds <= duty.limit_ns:
                duty.reporter.passed.append(nanoseconds)
                if not self.alone:
                    duty.reporter.numbers.append(trial.number)
                if self.alone:
                    duty.output.discard()
            else:
                duty.report_late(trial.number, nanoseconds, duty.output.take() if self.alone else "")
            trial.task = None  # the trial is the task's coroutine: this saves the collector a cycle
            lane = trial.lane
            board.clear(duty.words, lane)
            del self._running[lane]
            self._start_next(lane)
        except BaseException as fault:
            end_at_once(fault)

    def _start_next(self, lane: int) -> bool:
        """Start a trial in `lane` if one remains; stop the loop when no more will come."""
        duty = self.duty
        taken = duty.leases.take()
        now = time.perf_counter_ns()
        if taken is None:
            duty.report_batch(now, idle=not self._running)
            if not self._running and duty.leases.no_more():
                self._ended = True
                self._loop.stop()
            return False
        number, seed = taken
        board.begin(duty.words, lane, number, now)
        duty.report_batch(now)
        trial = self._running[lane] = _Trial(self, lane, number, seed)
        # asyncio.Task itself, because the target's own task factory might run the first step at once. Each trial gets a
        # context of its own, not the context of the trial before.
        trial.task = asyncio.Task(
            trial, loop=self._loop, name=f"flakeproof-trial-{number}", context=self._context.copy()
        )
        return True


class _Trial(Coroutine[Any, Any, None]):
    """One trial, as the coroutine of its task: it delegates to the target's coroutine and reports how that ends.

    While the target's own code runs, the board shows the trial as the holder of the event loop. If the loop hangs, this
    distinguishes the trial that hangs from the trials that wait beside it.
    """

    __slots__ = ("_lanes", "_seed", "_words", "expired_ns", "lane", "number", "stack", "started_ns", "target", "task")

    def __init__(self, lanes: _Lanes, lane: int, number: int, seed: int) -> None:
        self.lane = lane
        self.number = number
        self._seed = seed
        self._lanes = lanes
        self._words = lanes.duty.words
        self.target: Coroutine[Any, Any, Any] | None = None
        """None before the first step of the task."""
        self.task: asyncio.Task[None] | None = None
        self.started_ns = 0
        self.expired_ns = 0
        """When the trial was found to have exceeded its time limit; 0 before."""
        self.stack = ""

    def expire(self) -> None:
        """Cancel the trial because it exceeded its time limit; what it does afterwards does not count."""
        if self.task is not None and self.target is not None and not self.expired_ns:
            self.expired_ns = time.perf_counter_ns()
            self.stack = stack_of(self.task.get_name(), self.target)
            self.task.cancel()

    def send(self, value: Any) -> Any:
        """Resume the target; the first step starts it."""
        if self.target is None:
            return self._drive(self._begin, value)
        return self._drive(self.target.send, value)

    def throw(self, error: Any, value: Any = None, trace: TracebackType | None = None) -> Any:
        """Resume the target with an exception, such as the task's cancellation."""
        if self.target is None:
            # Another trial cancelled every task of the loop, this one before its first step.
            self._lanes.leave(self, 0, CancelledError("cancelled before it began"))
            raise StopIteration
        return self._drive(self.target.throw, error)

    def close(self) -> None:
        """Close the target's coroutine."""
        if self.target is not None:
            self.target.close()

    def _drive(self, step: Callable[[Any], Any], argument: Any) -> Any:
        words = self._words
        words[board.HOLDER] = self.number
        try:
            return step(argument)
        except StopIteration:
            self._lanes.leave(self, time.perf_counter_ns() - self.started_ns, None)
            raise
        except BaseException as error:
            self._lanes.leave(self, time.perf_counter_ns() - self.started_ns, error)
            raise StopIteration from None
        finally:
            words[board.HOLDER] = 0

    def _begin(self, _: None) -> Any:
        lanes = self._lanes
        lanes.announce(self.number, self._seed)
        self.started_ns = start = time.perf_counter_ns()
        # The time counts from here: before its first step the trial only waited for the loop.
        self._words[board.lane_offset(self.lane) + 1] = start
        target = lanes.duty.loaded.function()
        if type(target) is not CoroutineType:
            target = _awaiting(target)
        self.target = target
        return target.send(None)

    def __await__(self) -> Any:
        raise TypeError("only a task drives a trial")

    def __getattr__(self, name: str) -> Any:
        # For cr_frame and the like: debuggers and the task's own repr() see the target.
        return getattr(self.target, name)


async def _awaiting(awaitable: Any) -> Any:
    return await awaitable
