"""What a failed program says in its output: which tests failed and how, or the error that ended it."""

import re
from collections.abc import Sequence

from flakeproof.failures.runners import go, gtest, javascript, junit, pyunit, rust
from flakeproof.failures.runners.javascript import js_place
from flakeproof.failures.runners.junit import java_place
from flakeproof.failures.runners.pyunit import python_error
from flakeproof.failures.runners.report import (
    FailedTest,
    ProgramOutput,
    Reader,
    Report,
    failed_test,
    first_match,
    matches,
    until,
)

_SHOWN = 12
_SANITIZER = re.compile(r"SUMMARY: (\w+Sanitizer: .*)")
_ASSERT = re.compile(r"(?:\S+: )?(\S+:\d+): (.*\bAssertion .* failed\.?)$", re.IGNORECASE)
_JAVA_ERROR = re.compile(r'\s*(?:Exception in thread "[^"]*" )?((?:[\w$]+\.)+[\w$]*(?:Error|Exception|Failure)\b.*)')
_JS_ERROR = re.compile(r"\s*(?:Uncaught )?((?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?(?:: .*)?)$")
_JS_FRAME = re.compile(r"\s*(?:at .*?\(?|❯ (?:.* )?)(?:file://)?[^\s()]+:\d+:\d+\)?(?: \{)?$")


def uncaught_error(output: ProgramOutput) -> Report | None:
    """The one failure that is told; the reports of sanitizers and of assert(3) say more than what follows them."""
    for recognise in (_sanitizer, _assert, python_error, _java_error, _js_error):
        if (found := recognise(output.lines)) is not None:
            return Report([found], complete=False)
    return None


def _sanitizer(lines: Sequence[str]) -> FailedTest | None:
    found = first_match(_SANITIZER, lines)
    if found is None:
        return None
    start = next((index for index, line in enumerate(lines) if "Sanitizer: " in line), found[0])
    return failed_test("", found[1][1], "", [*lines[start : start + _SHOWN - 1], lines[found[0]]])


def _assert(lines: Sequence[str]) -> FailedTest | None:
    found = first_match(_ASSERT, lines)
    return failed_test("", found[1][2], found[1][1], [lines[found[0]]]) if found else None


def _java_error(lines: Sequence[str]) -> FailedTest | None:
    for index, match in matches(_JAVA_ERROR, lines):
        block = until(lines, index + 1, lambda line: not line.startswith((" ", "\t")))
        if place := java_place(block):
            return failed_test("", match[1], place, [lines[index], *block])
    return None


def _js_error(lines: Sequence[str]) -> FailedTest | None:
    for index, match in matches(_JS_ERROR, lines):
        if any(_JS_FRAME.match(line) for line in lines[index + 1 : index + 3]):
            return failed_test("", match[1], js_place(lines[index:]), lines[index:])
    return None


def read(output: str) -> Report | None:
    """What `output` tells of failures; None if nothing of it is known."""
    return _first(ProgramOutput(output), (gtest.ctest_reader(_inside_ctest), *_RUNNERS, uncaught_error))


def last_line(output: str) -> str:
    """The last line with something on it, "" if there is none."""
    return next((line for line in reversed(ProgramOutput(output).lines) if line.strip()), "").strip()


_RUNNERS: tuple[Reader, ...] = (
    go.read,
    rust.read,
    gtest.read,
    javascript.read_node,
    javascript.read,
    junit.read,
    pyunit.read,
    pyunit.read_pytest,
)
"""The report of a test framework says more than the error that it quotes, so errors alone come last."""


def _inside_ctest(output: ProgramOutput) -> Report | None:
    return _first(output, (*_RUNNERS, uncaught_error))


def _first(output: ProgramOutput, readers: tuple[Reader, ...]) -> Report | None:
    return next((report for reader in readers if (report := reader(output)) is not None), None)
