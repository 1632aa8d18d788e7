"""GoogleTest, and CTest around whatever it runs."""

import re
from collections.abc import Sequence

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

_RUN = re.compile(r"\[ RUN      \] (\S+)$")
_ENDED = re.compile(r"\[(  FAILED  |       OK |  SKIPPED )\] ([^\s,]+)(?:, where .*)? \(\d+ ms\)$")
_FAILURE = re.compile(r"(?:(\S+?:\d+)|unknown file|(\S+?\(\d+\))): (?:Failure|error: .*)$")
GTEST_PLACE = re.compile(r"(?:(\S+:\d+)|unknown file)$")
"""The first line of a message in GoogleTest's XML."""
_TEST = re.compile(r"\s*\d+/\d+ Test +#\d+: ")
_ASIDE = re.compile(r"\s+Start +\d+: |\d+% tests passed, ")


def read(output: ProgramOutput) -> Report | None:
    """Tests of GoogleTest that failed; one that has begun and not ended took the program with it."""
    if "[ RUN      ] " not in output.text:
        return None
    return _read(output.lines)


def _read(lines: Sequence[str]) -> Report | None:
    failed: list[FailedTest] = []
    passed: list[str] = []
    skipped: list[str] = []
    complete = True
    for index, match in matches(_RUN, lines):
        block = until(lines, index + 1, lambda line: _ENDED.match(line) or _RUN.match(line))
        end = index + 1 + len(block)
        ended = _ENDED.match(lines[end]) if end < len(lines) else None
        if ended is None:
            complete = False
            failed.append(_told(match[1], block, "the program ended in the middle of it"))
        elif "FAILED" in ended[1]:
            failed.append(_told(match[1], block, "failed"))
        else:
            (passed if "OK" in ended[1] else skipped).append(match[1])
    return Report(failed, passed, skipped, complete) if failed else None


def _told(name: str, block: Sequence[str], otherwise: str) -> FailedTest:
    """How a test failed: its first failure."""
    found = first_match(_FAILURE, block)
    if found is None:
        return failed_test(name, otherwise, "", [f"[ RUN      ] {name}", *block])
    index, match = found
    message = until(block, index + 1, lambda line: not line or _FAILURE.match(line))
    return failed_test(name, message, match[1] or match[2] or "", block[index:])


def _result(text: str) -> tuple[str, str, str]:
    """Name, result and what ended it, of `name ....Subprocess aborted***Exception:   0.10 sec`."""
    name, _, rest = text.partition(" ..")
    kind, stars, how = rest.lstrip(". ").partition("***")
    result = (how if stars else kind).removesuffix("sec").rstrip(" .0123456789").rstrip(":").strip()
    return name, result, kind.strip() if stars else ""


def ctest_reader(read_inner: Reader) -> Reader:
    """Reads tests of CTest; what a test wrote (--output-on-failure) is for `read_inner`.

    Where that names the tests inside of it, each of them counts by itself.
    """

    def read_ctest(output: ProgramOutput) -> Report | None:
        if " Test " not in output.text or "***" not in output.text:
            return None
        lines = output.lines
        failed: list[FailedTest] = []
        passed: list[str] = []
        skipped: list[str] = []
        for index, match in matches(_TEST, lines):
            name, how, kind = _result(lines[index][match.end() :])
            if how == "Passed":
                passed.append(name)
            elif how.startswith(("Skipped", "Not Run (Disabled)")):
                skipped.append(name)
            else:
                block = until(lines, index + 1, lambda line: _ASIDE.match(line) or _TEST.match(line))
                failed += _of_ctest(name, " ".join(filter(None, (how, kind))), block, lines[index])
        return Report(failed, passed, skipped) if failed else None

    def _of_ctest(name: str, how: str, block: list[str], line: str) -> list[FailedTest]:
        inner = read_inner(ProgramOutput("\n".join(block)))
        if inner is None:
            said = next((row for row in reversed(block) if row.strip()), "")
            return [failed_test(name, ": ".join(filter(None, (how, said))), "", [line, *block])]
        if len(inner.failed) == 1 and name.endswith(inner.failed[0].name):
            one = inner.failed[0]
            return [FailedTest(name, one.message, one.place, one.lines)]
        return [
            FailedTest(f"{name}: {one.name}" if one.name else name, one.message, one.place, one.lines)
            for one in inner.failed
        ]

    return read_ctest
