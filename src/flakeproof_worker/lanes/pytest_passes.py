"""pytest's items run pass after pass in the main thread: what one trial leaks affects the next."""

from collections.abc import Iterator
from typing import Any

from flakeproof_worker.current import ALONE
from flakeproof_worker.environment import Exporter
from flakeproof_worker.pytest_driver.selection import Selection
from flakeproof_worker.shared import board
from flakeproof_worker.shared.private import os, time
from flakeproof_worker.system import folders
from flakeproof_worker.trial_context import Duty

_LANE = 0


def run(duty: Duty) -> None:
    """Run trials until there are no more, or this process is of no more use."""
    selection = duty.loaded.selection
    assert selection is not None
    duty.watch_forks()
    _Passes(duty, selection).run()


class _Passes:
    def __init__(self, duty: Duty, selection: Selection) -> None:
        self._duty = duty
        self._selection = selection
        self._exporter = Exporter()
        self._parent = f"{duty.temporary}/{os.getpid()}"
        os.mkdir(self._parent, 0o700)
        self._session = f"{self._parent}/session"
        os.mkdir(self._session, 0o700)
        selection.keep_session(self._session)
        selection.tell_slot(_LANE, duty.slots)
        self._folder = ""

    def run(self) -> None:
        duty = self._duty
        while not self._selection.spoiled and not duty.leases.no_more():
            block = duty.leases.next_block()
            if block is not None:
                if self._run_block(self._exporter.each(*block)):
                    duty.reporter.lease_done()
                duty.reporter.flush()
            elif (message := duty.channel.receive()) is not None:
                duty.leases.hear([message])
        duty.reporter.flush()
        folders.use(self._session)  # for the teardown of the session's fixtures

    def _run_block(self, trials: Iterator[tuple[int, int]]) -> bool:
        """Run `trials`; return whether all of them ran: another process runs the rest."""
        duty, selection = self._duty, self._selection
        words, leases, reporter = duty.words, duty.leases, duty.reporter
        for running in trials:
            if words[board.STOP] or selection.spoiled:
                return False
            if duty.listens:
                leases.hear(duty.channel.receive_ready())
                duty.drop_failed({})
                if words[board.STOP]:
                    return False
            trial, seed = running
            now = time.perf_counter_ns()
            if reporter.passed and reporter.due(now):
                reporter.flush()
            board.begin(words, _LANE, trial, now)
            ALONE[0] = running
            if not self._folder:
                self._folder = folders.make(duty.rooms[_LANE] if duty.rooms else self._parent, trial)
            verdict = selection.run(trial, seed, self._folder, duty.output, duty.show_item, duty.leave_if_unwanted)
            if not folders.is_empty(self._folder):
                folders.remove(self._folder)
                self._folder = ""
            self._report(trial, verdict)
        return True

    def _report(self, trial: int, verdict: dict[str, Any]) -> None:
        duty, reporter = self._duty, self._duty.reporter
        nanoseconds = verdict.pop("ns")
        if verdict["outcome"] in ("passed", "leaked") and nanoseconds > duty.limit_ns:
            duty.report_late(trial, nanoseconds)
            board.clear(duty.words, _LANE)
            return
        if verdict["outcome"] != "passed":
            reporter.flush()  # in order: it matters whether a test fails in the first trial of a process
            reporter.ended(trial, nanoseconds, **verdict)
            self._duty.drop_failed(verdict.get("items", {}))
            board.clear(duty.words, _LANE)
            return
        changed = reporter.passed_with(verdict["items"])
        board.clear(duty.words, _LANE)
        reporter.passed.append(nanoseconds)
        if changed:
            reporter.flush()  # if the process dies, its unreported trials count as passed like the last reported one
