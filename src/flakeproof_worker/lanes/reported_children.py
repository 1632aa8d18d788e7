"""Shared by the lanes whose trials are Python processes of their own, each of which writes its verdict to a file."""

import os
from collections.abc import Mapping
from typing import Any

from flakeproof_worker.lanes.children import Child, Children
from flakeproof_worker.shared.output import Output, nameless_file
from flakeproof_worker.single_trial import read_verdict
from flakeproof_worker.trial_context import Duty

_PASSES_TO_REPORT = 3
"""The pass whose time for session fixtures is reported: the first passes are slower than the later ones."""


class Judged(Children):
    """Reports the verdict that a child has written; a child without a verdict has crashed."""

    writes_stacks = True
    repeats_session = False
    """Whether each trial sets up the session's fixtures again, which could be set up once instead."""

    def __init__(self, duty: Duty) -> None:
        super().__init__(duty)
        # A file, not a pipe: the child never waits for a reader, and a grandchild cannot hold it open.
        self.verdicts = [nameless_file(duty.scratch) for _ in range(duty.lanes)]
        """For each lane, the file for its trial's verdict."""
        self._passes_with_session = 0

    def report(self, lane: int, child: Child, status: int, elapsed: int) -> None:
        reporter, output = self.duty.reporter, Output(self.outputs[lane])
        verdict, _ = read_verdict(self.verdicts[lane])
        if verdict is not None:
            self._see_session(verdict)
            reporter.sighted(verdict.pop("seen", []))
            if used := verdict.pop("used", None):
                reporter.used(child.trial, used)
        if verdict is None:
            where = self.running_in(lane)
            code = os.waitstatus_to_exitcode(status)
            reporter.ended(
                child.trial,
                elapsed,
                outcome="crashed",
                signal=-code if code < 0 else None,
                exit_code=code if code >= 0 else None,
                output=output.take(),
                **where,
            )
            self._drop_failed(where)
        elif verdict["outcome"] in ("passed", "leaked") and verdict["ns"] > self.duty.limit_ns:
            more = {"found": verdict["found"]} if "found" in verdict else {}
            self.duty.report_late(child.trial, verdict["ns"], output.take(), **more)
        elif verdict["outcome"] == "passed" and "found" not in verdict:
            reporter.passed_with(verdict.get("items", {}))
            reporter.passed.append(verdict["ns"])
            reporter.numbers.append(child.trial)
            output.discard()
        else:
            nanoseconds = verdict.pop("ns")
            if "output" not in verdict:
                verdict["output"] = output.take()
            else:
                output.discard()
            reporter.ended(child.trial, nanoseconds, **verdict)
            self._drop_failed(verdict)

    def timed_out(self, child: Child) -> None:
        self._drop_failed(child.running)

    def _drop_failed(self, reported: Mapping[str, Any]) -> None:
        self.duty.drop_failed(reported.get("items", {}))

    def _see_session(self, verdict: dict[str, Any]) -> None:
        """Report once, after a few passes, how much time a pass spends on the session's fixtures."""
        spent = verdict.pop("session", None)
        if spent is None or not self.repeats_session:
            return
        self._passes_with_session += 1
        if self._passes_with_session == _PASSES_TO_REPORT:
            self.duty.channel.send({"type": "session", "spent": spent, "ns": verdict["ns"]})

    def running_in(self, lane: int) -> dict[str, object]:
        selection = self.duty.loaded.selection
        if selection is None:
            return {}
        _, index = read_verdict(self.verdicts[lane])
        if index is None and len(selection.ids) > 1:
            return {"cut_short": True}
        item = selection.ids[index or 0]
        return {"item": item, "items": {item: "failed"}, "cut_short": True}
