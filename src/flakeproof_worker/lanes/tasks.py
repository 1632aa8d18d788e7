"""Several trials at once in one event loop, each lane a task; for targets that are coroutine functions."""

import asyncio
import sys
import traceback
from time import perf_counter_ns
from types import FrameType
from typing import Any

from flakeproof_worker import board, environment
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty
from flakeproof_worker.environment import TrialEnvironment
from flakeproof_worker.randomness import GlobalRandom


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    duty.watch_forks()
    loop: asyncio.AbstractEventLoop = duty.new_loop() if duty.new_loop else asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    lanes = _Lanes(duty, loop)
    main = loop.create_task(lanes.run(), name="flakeproof-lanes")
    while not main.done():
        try:
            loop.run_until_complete(main)
        except (SystemExit, KeyboardInterrupt):
            # A task that a trial has left behind raised it. asyncio lets these two out of the loop; the trials in
            # flight have nothing to do with it.
            if main.done():
                break
            traceback.print_exc(file=sys.stderr)
    duty.reporter.flush()


class _Lanes:
    def __init__(self, duty: Duty, loop: asyncio.AbstractEventLoop) -> None:
        self._duty = duty
        self._loop = loop
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._expired: dict[int, str] = {}
        self._alone = duty.lanes == 1
        self._environment = TrialEnvironment() if self._alone else None
        self._randomness = GlobalRandom() if self._alone else None
        if not self._alone:
            environment.clear()

    async def run(self) -> None:
        self._loop.add_reader(self._duty.channel.fileno(), self._hear)
        self._tasks = [
            self._loop.create_task(self._lane(lane), name=f"flakeproof-lane-{lane}") for lane in range(self._duty.lanes)
        ]
        await asyncio.gather(*self._tasks)
        self._loop.remove_reader(self._duty.channel.fileno())

    def _hear(self) -> None:
        duty = self._duty
        duty.leases.hear(duty.channel.receive_ready())
        self._more.set()
        for trial in duty.leases.expired:
            self._expire(trial)
        duty.leases.expired.clear()

    def _expire(self, trial: int) -> None:
        """Cancel the lane that runs `trial`, if it still does; the lane reports it."""
        for lane, task in enumerate(self._tasks):
            if self._duty.words[board.lane_offset(lane)] == trial and trial not in self._expired:
                self._expired[trial] = _stack_of(task)
                task.cancel()

    async def _next(self, offset: int) -> tuple[int, int] | None:
        duty = self._duty
        duty.words[offset] = 0
        while True:
            trial = duty.leases.take()
            if trial is not None:
                duty.words[offset] = trial[0]
                duty.words[board.TAKEN] += 1
            if duty.leases.exhausted or duty.reporter.due():
                for _ in range(duty.leases.exhausted):
                    duty.reporter.lease_done()
                duty.leases.exhausted = 0
                duty.reporter.flush()
            if trial is not None:
                return trial
            if duty.leases.no_more():
                self._more.set()
                return None
            self._more.clear()
            await self._more.wait()

    async def _lane(self, lane: int) -> None:
        duty = self._duty
        function, words, passed = duty.function, duty.words, duty.reporter
        offset = board.lane_offset(lane)
        task = self._tasks[lane]
        while (trial := await self._next(offset)) is not None:
            number, seed = trial
            RUNNING.set(trial)
            if self._environment is not None and self._randomness is not None:
                self._environment.set(number, seed)
                self._randomness.seed(seed)
            words[offset + 1] = start = perf_counter_ns()
            try:
                await function()
            except BaseException as error:
                self._report(number, error, perf_counter_ns() - start)
            else:
                end = perf_counter_ns()
                duty.leave_if_copied()
                if number in self._expired:
                    self._report(number, asyncio.CancelledError(), end - start)
                else:
                    passed.passed.append(end - start)
                    if self._alone:
                        duty.output.discard()
            while task.cancelling():
                task.uncancel()
        words[offset] = 0

    def _report(self, trial: int, error: BaseException, nanoseconds: int) -> None:
        duty = self._duty
        duty.leave_if_copied()
        output = duty.output.take() if self._alone else ""
        stack = self._expired.pop(trial, None)
        if stack is None:
            duty.report_exception(trial, error, nanoseconds, output)
        else:
            duty.reporter.ended(trial, "timed out", nanoseconds, stacks=stack, output=output)


def _stack_of(task: asyncio.Task[Any]) -> str:
    """Where `task` stands, down to what it awaits (`Task.get_stack` stops at the outermost coroutine)."""
    lines = [f"Task {task.get_name()} (most recent await last):"]
    awaited: Any = task.get_coro()
    while awaited is not None:
        frame: FrameType | None = getattr(awaited, "cr_frame", None) or getattr(awaited, "gi_frame", None)
        if frame is None:
            break
        if not frame.f_globals.get("__name__", "").startswith("flakeproof_worker"):
            lines.append(f'  File "{frame.f_code.co_filename}", line {frame.f_lineno} in {frame.f_code.co_name}')
        awaited = getattr(awaited, "cr_await", None) or getattr(awaited, "gi_yieldfrom", None)
    return "\n".join(lines)
