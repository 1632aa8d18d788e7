"""What every kind of lane works with."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flakeproof_worker.channel import Channel
from flakeproof_worker.failure import describe, is_skip
from flakeproof_worker.leases import Leases
from flakeproof_worker.output import Output
from flakeproof_worker.reporter import Reporter


@dataclass
class Duty:
    """The target of this process and the means to report on it."""

    function: Callable[[], Any]
    is_async: bool
    lanes: int
    channel: Channel
    words: memoryview
    leases: Leases
    reporter: Reporter
    output: Output
    new_loop: Callable[[], Any] | None
    grace: float
    scratch: str
    owner: bool = True
    """False in a copy of this process that a trial made with fork(2): such a copy must never report."""

    def watch_forks(self) -> None:
        """Notice when a trial forks this process and lets the copy return from the target."""

        def in_copy() -> None:
            self.owner = False

        os.register_at_fork(after_in_child=in_copy)

    def leave_if_copied(self) -> None:
        """End the copy of this process that a trial has made and not ended itself."""
        if not self.owner:
            os._exit(0)

    def report_exception(self, trial: int, error: BaseException, nanoseconds: int, output: str = "") -> None:
        """Report how a trial ended that raised `error`."""
        if is_skip(error):
            self.reporter.ended(trial, "skipped", nanoseconds, reason=str(error))
        else:
            self.reporter.ended(trial, "failed", nanoseconds, failure=describe(error), output=output)


class UnawaitedError(TypeError):
    """The target returned a coroutine: nothing of it has run, so the trial proves nothing."""


def reject_coroutine(result: Any) -> None:
    """Raise UnawaitedError if `result` of a plain function is a coroutine."""
    if hasattr(result, "cr_frame"):
        result.close()
        raise UnawaitedError("the target is not async, but it returned a coroutine that nobody awaits")
