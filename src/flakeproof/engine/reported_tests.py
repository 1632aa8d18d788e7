"""Trials of a command that writes JUnit XML: each test in it counts by itself, as tests of pytest do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from flakeproof.engine import failure_records
from flakeproof.engine.failure_records import FailedTrial
from flakeproof.engine.messages import TrialEnded, WrittenReport
from flakeproof.failures import signature
from flakeproof.model import Failure, ItemOutcome, Outcome
from flakeproof.text import one_line, plural

if TYPE_CHECKING:
    from flakeproof.failures.junit_reports import JunitReport, ReportedTest

_MOST_TESTS = 20_000
"""Tests that are told apart by their names."""
_BLOCK_KEPT = 200
_PREVIEW = 12
_RETRIED = "and passed when its runner tried it again"
_STACK = re.compile(r"\s+at |\s*❯ |\s*#\d+ ")


@dataclass(frozen=True)
class ReportedTrial:
    """What the files of one trial tell."""

    items: dict[str, ItemOutcome] = field(default_factory=dict)
    """Tests that did not simply pass, that no trial had before, or that are missing."""
    failed: FailedTrial | None = None
    """None where nothing failed."""
    first_names: list[str] = field(default_factory=list)
    """All tests, if this is the first trial that tells of any."""
    note: str = ""
    """For the user."""


class ReportedTests:
    """Takes the files in, of one trial after the other."""

    def __init__(self, results: str) -> None:
        """`results` is the glob, for messages."""
        self._results = results
        self._known: dict[str, None] = {}
        self._has_noted = False

    def take(self, message: TrialEnded, seed: int, process: int, words: str) -> ReportedTrial:
        """Read what `message` brings of a trial; `words` say how it ended, if it was over its time."""
        report = _read(message.reports or [])
        note = ""
        if report is None and not self._has_noted:
            self._has_noted = True
            note = self._missing(message)
        if report is None:
            failed = failure_records.of_command(message, seed, process, words) if message.outcome.is_failure else None
            # Nothing is known of any test in it.
            items = dict.fromkeys(self._known, ItemOutcome.LEFT_OUT) if failed is None else failed.items
            return ReportedTrial(items, failed, note=note)
        names = [] if self._known else [one.test for one in report.tests][:_MOST_TESTS]
        items = self._items(report)
        told = [one for one in report.failures() if one.test in items]
        if not told and not message.outcome.is_failure:
            return ReportedTrial(items, first_names=names)
        if told:
            failed = _of_tests(told, message, seed, process, words)
        else:
            failed = failure_records.of_command(message, seed, process, words)
            items |= {one.item: ItemOutcome.FAILED for one in (failed.failure, *failed.further) if one.item}
        cut_short = not report.is_complete or message.outcome in (Outcome.TIMED_OUT, Outcome.CRASHED)
        if cut_short:
            items = {name: how for name, how in items.items() if how is not ItemOutcome.LEFT_OUT}
            items |= {one.test: ItemOutcome.PASSED for one in report.tests if one.test not in items}
        failed = FailedTrial(failed.failure, failed.further, items, cut_short)
        return ReportedTrial(items, failed, names)

    def _items(self, report: "JunitReport") -> dict[str, ItemOutcome]:
        items: dict[str, ItemOutcome] = {}
        failed = {one.test for one in report.failures()}
        for one in report.tests:
            is_new = one.test not in self._known
            if is_new and len(self._known) >= _MOST_TESTS:
                continue
            self._known[one.test] = None
            if one.test in failed:
                items[one.test] = ItemOutcome.FAILED
            elif one.outcome == "skipped":
                items[one.test] = ItemOutcome.SKIPPED
            elif is_new:
                items[one.test] = ItemOutcome.PASSED
        present = {one.test for one in report.tests}
        items |= {name: ItemOutcome.LEFT_OUT for name in self._known if name not in present}
        return items

    def _missing(self, message: TrialEnded) -> str:
        files = message.reports or []
        if not files:
            return f"test {message.trial} has written no file that fits --results {self._results}"
        return (
            f"test {message.trial} has written {plural(len(files), 'file')} that fit --results {self._results}, "
            f"and none of them is JUnit XML: {files[0].name}"
        )


def _read(files: Sequence[WrittenReport]) -> "JunitReport | None":
    """All that the files tell as one report; None where none of them is one."""
    from flakeproof.failures import junit_reports  # lxml and many patterns, for commands only

    found = [report for file in files if (report := junit_reports.read([file.data], file.name)) is not None]
    for other in found[1:]:
        found[0].take_in(other)
    return found[0] if found else None


def _of_tests(tests: "Sequence[ReportedTest]", message: TrialEnded, seed: int, process: int, words: str) -> FailedTrial:
    bare = Failure(
        trial=message.trial,
        seed=seed,
        process=process,
        duration=message.ns / 1e9,
        outcome=message.outcome if message.outcome.is_failure else Outcome.FAILED,
        message="",
        signature="",
        details={"signal": None, "exit_code": message.exit_code, "place": "", "preview": []},
    )
    failures = []
    for number, one in enumerate(tests):
        said = one.said.message if one.said is not None else ""
        shown = ", ".join(filter(None, (said or "failed", _RETRIED if one.passed_later else "", words)))
        place = one.said.place if one.said is not None else ""
        failures.append(
            msgspec.structs.replace(
                bare,
                item=one.test,
                message=one_line(shown),
                signature=signature.normalised(f"{one.test}: {said or 'failed'}"),
                details={**bare.details, "place": place, "preview": _preview(one.text)},
                output=message.output if not number else "\n".join(one.text.splitlines()[:_BLOCK_KEPT]),
            )
        )
    return FailedTrial(failures[0], failures[1:])


def _preview(text: str) -> list[str]:
    """The first lines of what is told of a failure, without its stack."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if not _STACK.match(line)][:_PREVIEW]
