"""What every kind of lane works with."""

import os
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import Any

from flakeproof_worker import board
from flakeproof_worker.channel import Channel
from flakeproof_worker.failure import describe, is_skip, message_of
from flakeproof_worker.leases import Leases
from flakeproof_worker.output import Output
from flakeproof_worker.reporter import Reporter


@dataclass
class Duty:
    """The target of this process and the means to report on it."""

    target: Mapping[str, Any]
    """As the coordinator has described it."""
    lanes: int
    channel: Channel
    words: memoryview
    leases: Leases
    reporter: Reporter
    output: Output
    stacks_descriptor: int
    """Where stacks are written; the same file as `output`."""
    grace: float
    scratch: str
    function: Callable[[], Any] = lambda: None
    """The target, where it is a Python function; the next two belong to it."""
    is_async: bool = False
    new_loop: Callable[[], Any] | None = None
    owner: bool = True
    """False in a copy of this process that a trial made with fork(2): such a copy must never report."""

    def watch_forks(self) -> None:
        """Cut off every copy of this process that a trial makes: it can neither report nor take what is sent to us."""

        def in_copy() -> None:
            self.owner = False
            self.channel.close()

        os.register_at_fork(after_in_child=in_copy)

    def leave_if_unwanted(self, error: BaseException | None = None) -> None:
        """End a process that came out of the target but must not report on it.

        A condemned one: the signal for its stacks may be all that ended the trial. A copy: as a program of its own
        would have ended.
        """
        if self.owner:
            if self.words[board.STOP] == board.CONDEMNED:
                os._exit(1)
            return
        status = 0
        if isinstance(error, SystemExit):
            status = error.code if isinstance(error.code, int) else int(error.code is not None)
        elif error is not None:
            traceback.print_exception(error)
            status = 1
        os._exit(status & 0xFF)

    def report_exception(self, trial: int, error: BaseException, nanoseconds: int, output: str = "") -> None:
        """Report how a trial ended that raised `error`."""
        self.reporter.ended(trial, nanoseconds, **ending_of(error), output=output)

    def report_batch(self, now: int) -> None:
        """Send the batch if leases have been taken to their end, or if it has been held back for long enough.

        `now` is the monotonic time in nanoseconds.
        """
        if self.leases.exhausted or self.reporter.due(now):
            self.reporter.lease_done(self.leases.exhausted)
            self.leases.exhausted = 0
            self.reporter.flush()


def ending_of(error: BaseException) -> dict[str, Any]:
    """What is reported of a trial that raised `error`."""
    if is_skip(error):
        return {"outcome": "skipped", "reason": message_of(error)}
    return {"outcome": "failed", "failure": describe(error)}


class NotRunError(TypeError):
    """Calling the target gave something that has yet to be run: the trial proves nothing."""


_NOT_RUN = {
    CoroutineType: "a coroutine that nobody awaits",
    GeneratorType: "a generator that nobody iterates over",
    AsyncGeneratorType: "an asynchronous generator that nobody iterates over",
}


def check_result(result: Any) -> None:
    """Raise NotRunError if `result` of a plain function shows that nothing of it has run."""
    what = _NOT_RUN.get(type(result))
    if what is not None:
        if isinstance(result, CoroutineType):
            result.close()
        raise NotRunError(f"the target is called as a plain function, but it returned {what}")
