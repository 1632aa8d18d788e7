"""Rust: libtest, as `cargo test` or as a test binary, and programs that panic."""

import re
from collections.abc import Sequence
from itertools import pairwise

from flakeproof.failures.runners.report import (
    FailedTest,
    ProgramOutput,
    Report,
    failed_test,
    first_match,
    matches,
    until,
)

_BINARY = re.compile(r"\s+Running (?:unittests )?\S+ \(\S*?([^/\s]+)-[0-9a-f]{8,}(?:\.exe)?\)$")
_DOC_TESTS = re.compile(r"\s+Doc-tests \S+$")
_RESULT = re.compile(r"test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)\b")
_BLOCK = re.compile(r"---- (.+) stdout ----$")
_LISTED = re.compile(r"    (\S.*)$")
_PANIC = re.compile(r"thread '([^']*)'(?: \(\d+\))? panicked at (?:'(.*)', )?([^' ]+?):(\d+):\d+:?$")
_OLD_PANIC = re.compile(r"thread '[^']*' panicked at '(?!.*', [^' ]+:\d+:\d+$)")
_OLD_PLACE = re.compile(r".*', [^' ]+:\d+:\d+$")
_NOT_AS_EXPECTED = re.compile(
    r"note: (panic did not contain expected string|test did not panic as expected)(?: at (\S+:\d+):\d+)?"
)
_AFTER_THE_MESSAGE = ("stack backtrace:", "note: ")


def read(output: ProgramOutput) -> Report | None:
    """Tests that failed: by a panic in whatever thread, by an error that they returned, or for want of a panic."""
    if " panicked at " not in output.text and "FAILED" not in output.text and " stdout ----" not in output.text:
        return None
    failed: list[FailedTest] = []
    passed: list[str] = []
    skipped: list[str] = []
    for binary, lines in _binaries(output.lines):
        prefix = f"{binary}::" if binary else ""
        results = {match[1]: match[2] for _, match in matches(_RESULT, lines)}
        blocks = _blocks(lines)
        names = dict.fromkeys([*blocks, *_listed(lines), *(name for name, how in results.items() if how == "FAILED")])
        failed += [_told(prefix, name, blocks.get(name), lines) for name in names]
        passed += [prefix + name for name, how in results.items() if how == "ok"]
        skipped += [prefix + name for name, how in results.items() if how == "ignored"]
    if failed:
        return Report(failed, passed, skipped)
    panic = _panic(output.lines)
    return Report([panic], complete=False) if panic is not None else None


def _binaries(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of each test binary, with its name where cargo tells it."""
    starts = [(index, match[1]) for index, match in matches(_BINARY, lines)]
    starts += [(index, "") for index, _ in matches(_DOC_TESTS, lines)]
    starts = [(0, ""), *sorted(starts), (len(lines), "")]
    return [(name, list(lines[begin:end])) for (begin, name), (end, _) in pairwise(starts) if end > begin]


def _blocks(lines: Sequence[str]) -> dict[str, list[str]]:
    """What each test that failed has written."""
    return {
        match[1]: until(lines, index + 1, lambda line: _BLOCK.match(line) or line in ("failures:", "successes:"))
        for index, match in matches(_BLOCK, lines)
        if not match[1].endswith(" successes")
    }


def _listed(lines: Sequence[str]) -> list[str]:
    """The names in the list at the end."""
    found: list[str] = []
    for index, line in enumerate(lines):
        if line == "failures:":
            listed = until(lines, index + 1, lambda line: not _LISTED.match(line))
            found += [line.strip() for line in listed]
    return found


def _told(prefix: str, name: str, block: list[str] | None, lines: Sequence[str]) -> FailedTest:
    """How a test failed; without a block of its own (--nocapture) its panic is looked for in all `lines`."""
    own = block or []
    wants_panic = first_match(_NOT_AS_EXPECTED, own)
    if wants_panic is not None:
        index, match = wants_panic
        more = [line.strip() for line in until(own, index + 1, lambda line: not line.startswith(" "))]
        panic = _panic(own)
        place = match[2] or (panic.place if panic is not None else "")
        return failed_test(prefix + name, [match[1], *more], place, own)
    panic = _panic(own) if block is not None else _panic(lines, name)
    if panic is not None:
        message = panic.message.partition(": ")[2]
        return failed_test(prefix + name, message, panic.place, panic.lines)
    error = next((index for index, line in enumerate(own) if line.startswith("Error: ")), None)
    if error is not None:
        return failed_test(prefix + name, until(own, error, lambda line: not line), "", own)
    return failed_test(prefix + name, next((line for line in reversed(own) if line.strip()), ""), "", own)


def _panic(lines: Sequence[str], thread: str | None = None) -> FailedTest | None:
    """The first panic in `lines`, of one `thread` or of any; its message begins with the name of the thread."""
    lines = _in_one_line(lines)
    found = next(((at, match) for at, match in matches(_PANIC, lines) if thread in (None, match[1])), None)
    if found is None:
        return None
    start, match = found
    rest = until(lines, start + 1, lambda line: not line or line.startswith(_AFTER_THE_MESSAGE))
    message = match[2] or (rest[0] if rest else "")
    return failed_test("", f"{match[1]}: {message}", f"{match[3]}:{match[4]}", [lines[start], *rest])


def _in_one_line(lines: Sequence[str]) -> Sequence[str]:
    """`lines` with the first panic of a Rust before 1.73 in one: there the place stands behind the message."""
    begun = first_match(_OLD_PANIC, lines)
    if begun is None:
        return lines
    start = begun[0]
    end = start + next((at for at, _ in matches(_OLD_PLACE, lines[start:])), 0)
    return [*lines[:start], " ".join(line.strip() for line in lines[start : end + 1]), *lines[end + 1 :]]
