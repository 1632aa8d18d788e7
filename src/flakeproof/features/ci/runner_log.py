"""Logs of runners other than pytest: which one it was, and what its own report in the log tells."""

import re
from collections.abc import Sequence

from flakeproof.failures.runners import go, gtest, javascript, junit, pyunit, rust
from flakeproof.failures.runners.report import ProgramOutput, Report
from flakeproof.features.ci.case import Case, CaseFailure, Colour, Fact
from flakeproof.features.ci.log_lines import LogLine
from flakeproof.features.ci.symptoms import symptom

_HEAD, _TAIL = 1 << 18, 3 << 18
"""Characters that are kept of a log, from its beginning and its end."""
_SEEDS = (
    re.compile(r"-test\.shuffle (\d{1,19})$"),
    re.compile(r"\s*Running tests with seed \"(\d{1,19})\""),
    re.compile(r"Seed: +(-?\d{1,19})$"),
    re.compile(r".*-Dsurefire\.runOrder\.random\.seed=(\d{1,19})"),
)
"""Go's -shuffle, Vitest's --sequence.shuffle, Jest's --randomize (--showSeed), Surefire's runOrder=random."""
_GOTESTSUM = re.compile(r"^=== FAIL: \S+ (?=(?:Test|Fuzz|Example)\S* .*\(\d)", re.M)
_OF_NODE = re.compile(r"^(?:#|ℹ) tests \d+$", re.M)
_READERS = (
    ("go", go.read),
    ("cargo", rust.read),
    ("gtest", gtest.read),
    ("node", javascript.read_node),
    ("", javascript.read),
    ("maven", junit.read),
    ("unittest", pyunit.read),
)


def seed_in(text: str) -> str | None:
    """The seed of the order of tests that a line tells."""
    if "seed" not in text.lower() and "shuffle" not in text:
        return None
    return next((found[1] for pattern in _SEEDS if (found := pattern.match(text)) is not None), None)


class RunnerLog:
    """Keeps the beginning and the end of a log, as far as a report may stand there."""

    def __init__(self, file: str) -> None:
        """`file` is how it is called where a line of it is named."""
        self._file = file
        self._head: list[LogLine] = []
        self._tail: list[LogLine] = []
        self._sizes = [0, 0]

    def take(self, line: LogLine) -> None:
        """The next line."""
        size = len(line.text) + 1
        if self._sizes[0] + size <= _HEAD and not self._tail:
            self._head.append(line)
            self._sizes[0] += size
            return
        self._tail.append(line)
        self._sizes[1] += size
        if self._sizes[1] > 2 * _TAIL:
            while self._sizes[1] > _TAIL:
                self._sizes[1] -= len(self._tail.pop(0).text) + 1

    def case(self, job: dict[str, Fact]) -> Case | None:
        """What the runner has told of tests that failed; None where none is known, or no test is named."""
        lines = self._head + self._tail
        text = "\n".join(line.text for line in lines)
        runner, report = read(text)
        if report is None:
            return None
        numbers: dict[str, int] = {}
        for line in lines:
            numbers.setdefault(line.text.strip(), line.number)
        first = {one.name: one for one in reversed(report.failed) if one.name}  # of a test that was tried again
        failures = [
            CaseFailure(test=one.name, symptom=symptom(one.message), source=self._at(one.lines, numbers))
            for one in reversed(first.values())
        ]
        return Case(
            runner=runner,
            source=f"{self._file}:{lines[0].number}",
            colour=Colour.RED,
            failures=failures,
            counts={"failed": len(failures)},
            facts=dict(job),
        )

    def _at(self, lines: Sequence[str], numbers: dict[str, int]) -> str:
        first = next((line for line in lines if line.strip()), "")
        return f"{self._file}:{numbers.get(first.strip(), 1)}"


def read(text: str) -> tuple[str, Report | None]:
    """The runner that has written a text, and its report; None where it names no test that failed."""
    output = ProgramOutput(_GOTESTSUM.sub("--- FAIL: ", text))
    for runner, reader in _READERS:
        if runner == "node" and not _OF_NODE.search(output.text):
            continue  # its marks are used by others
        report = reader(output)
        if report is not None and any(one.name for one in report.failed):
            return _name(runner, output), report
    return "", None


def _name(runner: str, output: ProgramOutput) -> str:
    """That of the runner of a family."""
    if runner == "maven":
        return "maven" if "[ERROR] " in output.text else "junit"
    if runner:
        return runner
    return "vitest" if "⎯⎯" in output.text else "jest" if "● " in output.text else "mocha"
