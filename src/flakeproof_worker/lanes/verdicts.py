"""What became of a trial that ran in a process of its own and was to write its verdict into a file."""

import os

from flakeproof_worker.duty import Duty
from flakeproof_worker.lanes.children import Child
from flakeproof_worker.once import read_verdict
from flakeproof_worker.output import Output


def report_verdict(duty: Duty, verdict_file: int, output_file: int, child: Child, status: int, elapsed: int) -> None:
    """Report the trial of `child`, which has ended with the wait status `status` after `elapsed` nanoseconds."""
    reporter, output = duty.reporter, Output(output_file)
    verdict, _ = read_verdict(verdict_file)
    if verdict is None:
        code = os.waitstatus_to_exitcode(status)
        reporter.ended(
            child.trial,
            elapsed,
            outcome="crashed",
            signal=-code if code < 0 else None,
            exit_code=code if code >= 0 else None,
            output=output.take(),
            **item_running(duty, verdict_file),
        )
    elif verdict["outcome"] == "passed":
        reporter.passed_with(verdict.get("items", {}))
        reporter.passed.append(verdict["ns"])
        output.discard()
    else:
        nanoseconds = verdict.pop("ns")
        if "output" not in verdict:
            verdict["output"] = output.take()
        else:
            output.discard()
        reporter.ended(child.trial, nanoseconds, **verdict)


def item_running(duty: Duty, verdict_file: int) -> dict[str, object]:
    """What a report says of the item that was running when a trial came to a sudden end; nothing for a function."""
    selection = duty.loaded.selection
    if selection is None:
        return {}
    _, index = read_verdict(verdict_file)
    if index is None and len(selection.ids) > 1:
        return {"cut_short": True}
    item = selection.ids[index or 0]
    return {"item": item, "items": {item: "failed"}, "cut_short": True}
