"""Several trials at once in one event loop, each a task of its own; for targets that are coroutine functions."""

import asyncio
import traceback
from collections.abc import Callable, Coroutine, Generator, Iterable
from dataclasses import dataclass
from functools import partial, wraps
from time import perf_counter_ns
from types import coroutine
from typing import Any, ParamSpec

from flakeproof_worker import board, environment
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty
from flakeproof_worker.ending import end_at_once
from flakeproof_worker.randomness import GlobalRandom
from flakeproof_worker.stacks import stack_of


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    duty.watch_forks()
    loop: asyncio.AbstractEventLoop = duty.new_loop() if duty.new_loop else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    _Lanes(duty, loop).run()


@dataclass(slots=True)
class _Running:
    """A trial in flight."""

    trial: int
    task: asyncio.Task[None] | None = None
    target: Coroutine[Any, Any, Any] | None = None
    """None before the first step of the task."""
    started_ns: int = 0
    expired_ns: int = 0
    """When its time was found to be over; 0 before."""
    stack: str = ""
    reported: bool = False

    def expire(self) -> None:
        """Have the trial cancelled because its time is over; what it does then does not count."""
        if self.task is not None and self.target is not None and not self.expired_ns:
            self.expired_ns = perf_counter_ns()
            self.stack = stack_of(self.task.get_name(), self.target)
            self.task.cancel()


_P = ParamSpec("_P")


def _or_end(callback: Callable[_P, None]) -> Callable[_P, None]:
    """Have an error of ours in `callback` end the process: the event loop would only log it, and wait for ever."""

    @wraps(callback)
    def guarded(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            callback(*args, **kwargs)
        except BaseException as error:
            end_at_once(error)

    return guarded


class _Lanes:
    def __init__(self, duty: Duty, loop: asyncio.AbstractEventLoop) -> None:
        self._duty = duty
        self._loop = loop
        self._running: dict[int, _Running] = {}
        self._alone = duty.lanes == 1
        self._export = environment.exporter() if self._alone else None
        self._randomness = GlobalRandom() if self._alone else None
        self._ended = False
        if not self._alone:
            environment.clear()

    def run(self) -> None:
        channel = self._duty.channel.fileno()
        self._loop.add_reader(channel, self._hear)
        while not self._ended:
            try:
                self._loop.run_forever()  # returns early when a trial stops the loop
            except (SystemExit, KeyboardInterrupt) as error:
                # A task that a trial has left behind raised it. asyncio lets these two out of the loop; the trials in
                # flight have nothing to do with it.
                traceback.print_exception(error)
        self._loop.remove_reader(channel)
        self._duty.reporter.flush()

    @_or_end
    def _hear(self) -> None:
        duty = self._duty
        duty.leave_if_unwanted()
        duty.leases.hear(duty.channel.receive_ready())
        expired, duty.leases.expired = set(duty.leases.expired), []
        for running in self._running.values():
            if running.trial in expired:
                running.expire()
        self._fill(lane for lane in range(duty.lanes) if lane not in self._running)

    def _fill(self, free: Iterable[int]) -> None:
        """Start a trial in every `free` lane while there are any; end when there will be no more."""
        duty = self._duty
        for lane in free:
            trial = duty.leases.take()
            if trial is None:
                break
            self._start(lane, *trial)
        duty.report_batch()
        if not self._running and duty.leases.no_more():
            self._ended = True
            self._loop.stop()

    def _start(self, lane: int, trial: int, seed: int) -> None:
        board.begin(self._duty.words, lane, trial, perf_counter_ns())
        running = self._running[lane] = _Running(trial)
        running.task = self._loop.create_task(self._run(lane, running, seed), name=f"flakeproof-trial-{trial}")
        running.task.add_done_callback(partial(self._leave, lane, running))

    async def _run(self, lane: int, running: _Running, seed: int) -> None:
        duty, trial = self._duty, running.trial
        RUNNING.set((trial, seed))
        if self._export is not None and self._randomness is not None:
            self._export(b"%d" % trial, b"%d" % seed)
            self._randomness.seed(seed)
        running.started_ns = start = perf_counter_ns()
        # Only now: until its first step it waited for the loop, which is not its own time.
        duty.words[board.lane_offset(lane) + 1] = start
        try:
            running.target = target = duty.function()
            await (target if self._alone else _showing_holder(target, duty.words, trial))
        except BaseException as error:
            end = perf_counter_ns()
            duty.leave_if_unwanted(error)
            self._report(lane, running, end - start, error)
        else:
            end = perf_counter_ns()
            duty.leave_if_unwanted()
            self._report(lane, running, end - start, None)

    def _report(self, lane: int, running: _Running, nanoseconds: int, error: BaseException | None) -> None:
        duty = self._duty
        trial = running.trial
        if running.expired_ns:
            output = duty.output.take() if self._alone else ""
            nanoseconds = running.expired_ns - running.started_ns
            duty.reporter.ended(trial, nanoseconds, outcome="timed out", stacks=running.stack, output=output)
        elif error is not None:
            duty.report_exception(trial, error, nanoseconds, duty.output.take() if self._alone else "")
        else:
            duty.reporter.passed.append(nanoseconds)
            if self._alone:
                duty.output.discard()
        running.reported = True
        board.clear(duty.words, lane)

    @_or_end
    def _leave(self, lane: int, running: _Running, task: asyncio.Task[None]) -> None:
        """Free the lane of a task that has ended."""
        self._duty.leave_if_unwanted()
        if not running.reported:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # ours: it could not report
            # Another trial cancelled every task of the loop, this one before its first step.
            self._report(lane, running, 0, asyncio.CancelledError("cancelled before it began"))
        del self._running[lane]
        self._fill((lane,))


@coroutine
def _showing_holder(target: Coroutine[Any, Any, Any], words: memoryview, trial: int) -> Generator[Any, Any, Any]:
    """Await `target`, with `trial` on the board as the holder of the event loop while its own code runs.

    When the loop hangs, this tells the trial that hangs from those that wait beside it.
    """
    resume: Callable[[Any], Any] = target.send
    value: Any = None
    while True:
        words[board.HOLDER] = trial
        try:
            awaited = resume(value)
        except StopIteration as end:
            return end.value
        finally:
            words[board.HOLDER] = 0
        try:
            value = yield awaited
            resume = target.send
        except BaseException as error:
            value, resume = error, target.throw
