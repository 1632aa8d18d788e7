"""pytest's items, pass after pass, in the main thread: what leaks out of one trial reaches the next."""

import os
from time import perf_counter_ns

from flakeproof_worker import board, folders
from flakeproof_worker.current import ALONE
from flakeproof_worker.duty import Duty
from flakeproof_worker.environment import Exporter

_LANE = 0


def run(duty: Duty) -> None:
    """Run trials until there are no more, or this process is of no more use."""
    selection = duty.loaded.selection
    assert selection is not None
    duty.watch_forks()
    exporter = Exporter()
    parent = f"{duty.temporary}/{os.getpid()}"
    os.mkdir(parent, 0o700)  # noqa: PTH102 - as cheap as it gets
    session = f"{parent}/session"
    os.mkdir(session, 0o700)  # noqa: PTH102
    selection.keep_session(session)
    folder = ""
    leases, reporter = duty.leases, duty.reporter
    while not selection.spoiled and not leases.no_more():
        if duty.listens:
            leases.hear(duty.channel.receive_ready())
            selection.leave_out(leases.left_out)
        taken = leases.take()
        duty.report_batch(perf_counter_ns())
        if taken is None:
            if not leases.no_more() and (message := duty.channel.receive()) is not None:
                leases.hear([message])
            continue
        trial, seed = taken
        board.begin(duty.words, _LANE, trial, perf_counter_ns())
        exporter.show(trial, seed)
        ALONE[0] = taken
        if not folder:
            folder = folders.make(parent, trial)
        verdict = selection.run(trial, seed, folder, duty.output, duty.show_item, duty.leave_if_unwanted)
        nanoseconds = verdict.pop("ns")
        if not folders.is_empty(folder):
            folders.remove(folder)
            folder = ""
        if verdict["outcome"] == "passed":
            changed = reporter.passed_with(verdict["items"])
            board.clear(duty.words, _LANE)
            reporter.passed.append(nanoseconds)
            if changed:
                reporter.flush()
        else:
            reporter.ended(trial, nanoseconds, **verdict)
            board.clear(duty.words, _LANE)
    reporter.flush()
    folders.use(session)  # for what the fixtures of the session still do
