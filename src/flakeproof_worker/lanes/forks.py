"""Each trial in a fork of this warm process, several at once: what a trial leaves behind dies with it."""

import asyncio
import json
import os
from time import perf_counter_ns
from typing import Any, NoReturn

from flakeproof_worker import kernel
from flakeproof_worker.current import RUNNING
from flakeproof_worker.duty import Duty, check_result, ending_of
from flakeproof_worker.ending import end_at_once
from flakeproof_worker.environment import SEED, TRIAL
from flakeproof_worker.lanes.children import Child, Children
from flakeproof_worker.output import Output, nameless_file
from flakeproof_worker.randomness import GlobalRandom


def run(duty: Duty) -> None:
    """Run trials until there are no more."""
    _Forks(duty).run()


class _Forks(Children):
    writes_stacks = True

    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        # A file, not a pipe: the child never waits for a reader, and a grandchild cannot hold it open.
        self._verdicts = [nameless_file(duty.scratch) for _ in range(duty.lanes)]
        self._randomness = GlobalRandom()

    def start(self, lane: int, trial: int, seed: int) -> int:
        os.ftruncate(self._verdicts[lane], 0)
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_child(lane, trial, seed, parent)
        return pid

    def _be_child(self, lane: int, trial: int, seed: int, parent: int) -> NoReturn:
        # From here on nothing may return into the parent's loop, whatever the trial does.
        duty = self.duty
        try:
            os.setsid()
            kernel.die_with(parent)
            verdict = self._keep_own(lane)
            duty.watch_forks()
            for stream in (1, 2, duty.stacks_descriptor):
                os.dup2(self.outputs[lane], stream)
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
        self.selector.close()
        self.duty.channel.close()
        for child in self.running.values():
            os.close(child.pidfd)
        for other in range(self.duty.lanes):
            if other != lane:
                os.close(self._verdicts[other])
                os.close(self.outputs[other])
        return self._verdicts[lane]

    def report(self, lane: int, child: Child, status: int, elapsed: int) -> None:
        reporter, output = self.duty.reporter, Output(self.outputs[lane])
        verdict = _verdict(self._verdicts[lane])
        if verdict is None:
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
