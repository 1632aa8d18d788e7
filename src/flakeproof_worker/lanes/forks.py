"""Each trial in a fork of this warm process, several at once: what a trial leaves behind dies with it."""

import asyncio
import json
import os
import selectors
import signal
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from time import perf_counter_ns
from typing import Any, NoReturn

from flakeproof_worker import board, kernel
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty, check_result, ending_of
from flakeproof_worker.ending import end_at_once
from flakeproof_worker.environment import SEED, TRIAL
from flakeproof_worker.output import Output, nameless_file
from flakeproof_worker.randomness import GlobalRandom
from flakeproof_worker.stacks import DUMP_SIGNAL

_DUMP_NANOSECONDS = 100_000_000
"""How long a child gets to write its stacks before it is asked to end."""


class _Ending(Enum):
    """How far the end of a child whose time is over has come."""

    NOT_ASKED = 0
    DUMPING = 1
    TERMINATING = 2
    KILLED = 3


@dataclass
class _Child:
    trial: int
    pid: int
    pidfd: int
    started: int
    ending: _Ending = _Ending.NOT_ASKED
    next_step: int = 0
    expired: int = 0
    """When its time was found to be over; 0 before."""


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    _Lanes(duty).run()


class _Lanes:
    def __init__(self, duty: Duty) -> None:
        self._duty = duty
        self._selector = selectors.DefaultSelector()
        self._selector.register(duty.channel.fileno(), selectors.EVENT_READ)
        self._children: dict[int, _Child] = {}
        self._outputs = [nameless_file(duty.scratch) for _ in range(duty.lanes)]
        # A file, not a pipe: the child never waits for a reader, and a grandchild cannot hold it open.
        self._verdicts = [nameless_file(duty.scratch) for _ in range(duty.lanes)]
        self._randomness = GlobalRandom()

    def run(self) -> None:
        duty = self._duty
        while True:
            self._fill()
            if not self._children and duty.leases.no_more():
                break
            self._wait()
        duty.reporter.flush()

    def _fill(self) -> None:
        """Start a child in every free lane for which there is a trial."""
        duty = self._duty
        for lane in range(duty.lanes):
            if lane in self._children:
                continue
            trial = duty.leases.take()
            duty.report_batch(perf_counter_ns())
            if trial is None:
                return
            self._start(lane, *trial)

    def _start(self, lane: int, trial: int, seed: int) -> None:
        duty = self._duty
        os.ftruncate(self._verdicts[lane], 0)
        started = perf_counter_ns()
        board.begin(duty.words, lane, trial, started)
        parent = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            duty.reporter.ended(trial, 0, outcome="lost", reason=f"no process could be made for it: {error}")
            board.clear(duty.words, lane)
            return
        if pid == 0:
            self._be_child(lane, trial, seed, parent)
        child = _Child(trial, pid, os.pidfd_open(pid), started)
        self._children[lane] = child
        self._selector.register(child.pidfd, selectors.EVENT_READ, lane)

    def _be_child(self, lane: int, trial: int, seed: int, parent: int) -> NoReturn:
        # From here on nothing may return into the parent's loop, whatever the trial does.
        duty = self._duty
        try:
            os.setsid()
            kernel.die_with(parent)
            verdict = self._keep_own(lane)
            duty.watch_forks()
            for stream in (1, 2, duty.stacks_descriptor):
                os.dup2(self._outputs[lane], stream)
            RUNNING.set((trial, seed))
            os.environ[TRIAL] = str(trial)
            os.environ[SEED] = str(seed)
            self._randomness.seed(seed)
            os.write(verdict, json.dumps(_run_once(duty)).encode())
        except BaseException as error:
            end_at_once(error)
        os._exit(0)

    def _keep_own(self, lane: int) -> int:
        """Close, in a child, what belongs to the parent and to other children; return where the verdict goes."""
        self._selector.close()
        self._duty.channel.close()
        for child in self._children.values():
            os.close(child.pidfd)
        for other in range(self._duty.lanes):
            if other != lane:
                os.close(self._verdicts[other])
                os.close(self._outputs[other])
        return self._verdicts[lane]

    def _wait(self) -> None:
        duty = self._duty
        steps = [child.next_step for child in self._children.values() if child.next_step]
        timeout = max(0.0, (min(steps) - perf_counter_ns()) / 1e9) if steps else None
        if duty.leases.exhausted or duty.reporter.passed:
            timeout = min(timeout if timeout is not None else 0.1, 0.1)
        for key, _ in self._selector.select(timeout):
            if key.data is None:
                duty.leases.hear(duty.channel.receive_ready())
                if duty.channel.at_end:
                    self._selector.unregister(duty.channel.fileno())
            else:
                self._reap(key.data)
        for trial in duty.leases.expired:
            for child in self._children.values():
                if child.trial == trial and child.ending is _Ending.NOT_ASKED:
                    child.next_step = child.expired = perf_counter_ns()
        duty.leases.expired.clear()
        for child in self._children.values():
            if child.next_step and child.next_step <= perf_counter_ns():
                self._end_further(child)
        if duty.reporter.passed and duty.reporter.due(perf_counter_ns()):
            duty.reporter.flush()

    def _end_further(self, child: _Child) -> None:
        """The next step of ending a child whose time is over: dump its stacks, TERM, KILL."""
        now = perf_counter_ns()
        with suppress(ProcessLookupError):
            match child.ending:
                case _Ending.NOT_ASKED:
                    os.kill(child.pid, DUMP_SIGNAL)
                    child.ending, child.next_step = _Ending.DUMPING, now + _DUMP_NANOSECONDS
                case _Ending.DUMPING:
                    os.killpg(child.pid, signal.SIGTERM)
                    child.ending = _Ending.TERMINATING
                    child.next_step = now + int(self._duty.grace * 1e9)
                case _:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.ending, child.next_step = _Ending.KILLED, 0

    def _reap(self, lane: int) -> None:
        child = self._children.pop(lane)
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        # Before it is reaped: then its number, which is its group's, may be another's.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # what the trial has started and left in its group
        _, status = os.waitpid(child.pid, 0)
        self._report(lane, child, status, perf_counter_ns() - child.started)
        board.clear(self._duty.words, lane)

    def _report(self, lane: int, child: _Child, status: int, elapsed: int) -> None:
        reporter, output = self._duty.reporter, Output(self._outputs[lane])
        verdict = _verdict(self._verdicts[lane])
        if child.expired:
            nanoseconds = child.expired - child.started
            reporter.ended(child.trial, nanoseconds, outcome="timed out", output=output.take())
        elif verdict is None:
            code = os.waitstatus_to_exitcode(status)
            reporter.ended(
                child.trial,
                elapsed,
                outcome="crashed",
                signal=-code if code < 0 else None,
                exit_code=code if code >= 0 else None,
                output=output.take(),
            )
        elif verdict["outcome"] == "passed":
            reporter.passed.append(verdict["ns"])
            output.discard()
        else:
            reporter.ended(child.trial, verdict.pop("ns"), **verdict, output=output.take())


def _run_once(duty: Duty) -> dict[str, Any]:
    start = perf_counter_ns()
    try:
        if duty.is_async:
            with asyncio.Runner(loop_factory=duty.new_loop) as runner:
                runner.run(duty.function())
        else:
            check_result(duty.function())
    except BaseException as error:
        elapsed = perf_counter_ns() - start
        duty.leave_if_unwanted(error)
        return {"ns": elapsed, **ending_of(error)}
    elapsed = perf_counter_ns() - start
    duty.leave_if_unwanted()
    return {"ns": elapsed, "outcome": "passed"}


def _verdict(descriptor: int) -> dict[str, Any] | None:
    """What the child has said; None if it did not come to say it."""
    try:
        verdict: dict[str, Any] = json.loads(os.pread(descriptor, os.fstat(descriptor).st_size, 0))
    except ValueError:
        return None
    return verdict
