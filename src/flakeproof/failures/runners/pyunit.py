"""Python's unittest, and Django's runner, which writes the same; pytest run as a command."""

import re
from collections.abc import Sequence

from flakeproof.failures.runners.report import FailedTest, ProgramOutput, Report, failed_test, matches, until

_HEAD = re.compile(r"(FAIL|ERROR|UNEXPECTED SUCCESS): (\S+) \(([\w.<>]+)\)(.*)$")
_RULE = "=" * 70
_DASHES = "-" * 70
_NOT_LOADED = "unittest.loader._FailedTest"
_VERBOSE = re.compile(r"(\w+) \(([\w.<>]+)\)(?: \.\.\. (.*))?$")
_DESCRIBED = re.compile(r".* \.\.\. (ok|skipped .*|expected failure|FAIL|ERROR|unexpected success)$")
_DJANGO_PARALLEL = re.compile(r"(\w+) \(([\w.<>]+)\) failed:$")
"""All that Django's runner tells with --parallel where it has no tblib; then it gives up."""
_PYTEST = re.compile(r"(?:FAILED|ERROR) (\S+(?:::.*?)?)(?: - (.*))?$")
_PYTEST_PLACE = re.compile(r"(\S+\.py:\d+): \w")
_PYTEST_HEAD = re.compile(r"_{2,} (?:ERROR (?:at \w+ of|collecting) )?(.+?) _{2,}$")
_TRACEBACK_FRAME = re.compile(r'  File "(.+)", line (\d+)(?:, in .*)?$')
_TRACEBACK = "Traceback (most recent call last):"
_LIBRARY = re.compile(r"/lib/python\d+\.\d+/|/site-packages/|/dist-packages/|^<frozen")
_SHOWN = 12


def read(output: ProgramOutput) -> Report | None:
    """Tests that failed, by their dotted names; each subtest that failed is a failure of its test."""
    lines = output.lines
    failed: list[FailedTest] = []
    for index, match in matches(_HEAD, lines):
        if not index or lines[index - 1] != _RULE:
            continue
        block = until(lines, index, lambda line: line == _RULE or line.startswith("Ran "))
        if match[1] == "UNEXPECTED SUCCESS":
            failed.append(failed_test(_name(match[2], match[3]), "unexpected success", "", [lines[index]]))
            continue
        part = f"{match[4].strip()}: " if match[4].strip() else ""
        error = python_error(block) or failed_test("", match[1].lower(), "", block)
        shown = [line for line in block if line != _DASHES]
        failed.append(failed_test(_name(match[2], match[3]), part + error.message, error.place, shown))
    if not failed:
        failed = [
            failed_test(_name(match[1], match[2]), until(lines, index + 2, lambda line: not line), "", [lines[index]])
            for index, match in matches(_DJANGO_PARALLEL, lines)
        ]
        return Report(failed, complete=False) if failed else None
    passed, skipped = _verbose(lines)
    return Report(failed, passed, skipped)


def _name(method: str, where: str) -> str:
    """The dotted name; from Python 3.11 on `where` has the method in it."""
    if where.startswith(_NOT_LOADED):
        return method
    return where if where.rpartition(".")[2] == method else f"{where}.{method}"


def _verbose(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Tests that passed, and those that were skipped, as -v names them."""
    passed: list[str] = []
    skipped: list[str] = []
    for index, match in matches(_VERBOSE, lines):
        told = match[3]
        if told is None:  # the first line of its docstring follows, with the result
            described = _DESCRIBED.match(lines[index + 1]) if index + 1 < len(lines) else None
            told = described[1] if described else ""
        if told in ("ok", "expected failure"):
            passed.append(_name(match[1], match[2]))
        elif told.startswith("skipped "):
            skipped.append(_name(match[1], match[2]))
    return passed, skipped


def read_pytest(output: ProgramOutput) -> Report | None:
    """Items in the short summary of pytest."""
    lines = output.lines
    if "short test summary" not in output.text:
        return None
    heads = list(matches(_PYTEST_HEAD, lines))
    failed: list[FailedTest] = []
    for index, match in matches(_PYTEST, lines):
        name = match[1].partition("::")[2].replace("::", ".") or match[1]
        block = next((until(lines, at + 1, _PYTEST_HEAD.match) for at, head in heads if head[1] == name), lines)
        told = [line for line in block if line.startswith("E  ")]
        place = next((where[1] for _, where in matches(_PYTEST_PLACE, block)), "")
        failed.append(failed_test(match[1], match[2] or "failed", place, [*told, lines[index]]))
    return Report(failed) if failed else None


def python_error(lines: Sequence[str]) -> FailedTest | None:
    """The error that the last traceback ends with."""
    starts = [index for index, line in enumerate(lines) if line == _TRACEBACK]
    if not starts:
        return None
    end = next((index for index in range(starts[-1] + 1, len(lines)) if not lines[index].startswith(" ")), None)
    if end is None or not lines[end]:
        return None
    frames = [(match[1], match[2]) for _, match in matches(_TRACEBACK_FRAME, lines[starts[-1] : end])]
    own = [frame for frame in frames if not _LIBRARY.search(frame[0])] or frames
    place = ":".join(own[-1]) if own else ""
    return failed_test("", lines[end], place, lines[max(starts[-1], end - _SHOWN + 1) : end + 1])
