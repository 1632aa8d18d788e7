"""Jest, Vitest and Mocha; node:test with its reporters `tap` and `spec`, and TAP of other producers (bats, prove)."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from flakeproof.failures.runners.report import (
    FailedTest,
    ProgramOutput,
    Report,
    deeper,
    failed_test,
    indent_of,
    matches,
    until,
)

_JEST_FILE = re.compile(r"(?:FAIL|PASS) (?:\S+ )?(\S+\.[cm]?[jt]sx?)(?: \([\d.]+ m?s\))?$")
_JEST = re.compile(r"\s*● (?!Console$)(.+)")
_JEST_ANY = re.compile(r"\s*● ")
_JEST_END = re.compile(r"(?:Test Suites|Tests|Snapshots): ")
_JEST_SUITE = "Test suite failed to run"
_VITEST = re.compile(r"\s*FAIL\s+(?:\|\S+\| )?(\S+(?: > .+| \[ .+ \]))$")
_VITEST_RULE = re.compile(r"⎯{3,}")
_MOCHA_START = re.compile(r"\s+\d+ failing$")
_MOCHA = re.compile(r"\s+\d+\) (.*)")
_MOCHA_MESSAGE_END = re.compile(r"\s+(?:at |\+ expected - actual|\d+\) )")
_PLACE = re.compile(r"\s*(?:at .*?\(?|❯ (?:.* )?)((?:file://)?[^\s()]+:\d+):\d+\)?(?: \{)?$")


def read(output: ProgramOutput) -> Report | None:
    """Tests that failed, by the path of their suites."""
    for word, recognise in (("● ", _jest), ("FAIL", _vitest), (" failing", _mocha)):
        if word in output.text and (failed := recognise(output.lines)):
            return Report(failed)
    return None


def js_place(lines: Sequence[str]) -> str:
    """The first place in a stack that is neither node's nor a package's."""
    return own_place(_PLACE, lines)


def own_place(pattern: re.Pattern[str], lines: Sequence[str]) -> str:
    """The first place that `pattern` finds which is neither node's nor a package's."""
    places = (match[1].removeprefix("file://") for _, match in matches(pattern, lines))
    return next((place for place in places if "node_modules" not in place and not place.startswith("node:")), "")


def _jest(lines: Sequence[str]) -> list[FailedTest]:
    """Where several files have run, the name begins with that of the file, as other files may have the same tests."""
    files = {match[1] for _, match in matches(_JEST_FILE, lines)}
    found: dict[str, FailedTest] = {}  # with many failures Jest tells them once more at the end
    file = ""
    for index, line in enumerate(lines):
        if head := _JEST_FILE.match(line):
            file = head[1]
        elif match := _JEST.match(line):
            block = until(lines, index + 1, lambda line: any(p.match(line) for p in (_JEST_ANY, _JEST_FILE, _JEST_END)))
            message = next((row for row in block if row.strip()), "")
            parts = [file] if file and (len(files) > 1 or match[1] == _JEST_SUITE) else []
            name = " › ".join(parts if match[1] == _JEST_SUITE and parts else [*parts, match[1]])
            if match[1] == _JEST_SUITE:
                message = f"{_JEST_SUITE}: {message.strip()}"
            found.setdefault(name, failed_test(name, message, js_place(block), [line, *block]))
    return list(found.values())


def _vitest(lines: Sequence[str]) -> list[FailedTest]:
    """Tests that failed in the same way stand above one report."""
    found: list[FailedTest] = []
    for index, match in matches(_VITEST, lines):
        begin = index + 1
        while begin < len(lines) and _VITEST.match(lines[begin]):
            begin += 1
        block = until(lines, begin, lambda line: _VITEST.match(line) or _VITEST_RULE.match(line))
        message = next((row for row in block if row.strip()), "")
        name = match[1].partition(" [ ")[0]
        found.append(failed_test(name, message, js_place(block), [lines[index], *block]))
    return found


def _mocha(lines: Sequence[str]) -> list[FailedTest]:
    start = next((index for index, line in enumerate(lines) if _MOCHA_START.match(line)), len(lines))
    found: list[FailedTest] = []
    for index, match in matches(_MOCHA, lines[start:]):
        first = start + index
        end = next((at for at in range(first, len(lines)) if lines[at].endswith(":") or not lines[at]), first)
        name = " ".join([match[1], *(line.strip() for line in lines[first + 1 : end + 1])]).strip().rstrip(":")
        block = until(lines, end + 1, _MOCHA.match)
        message = until(block, 0, _MOCHA_MESSAGE_END.match)
        found.append(failed_test(name, message, js_place(block), [*lines[first : end + 1], *block]))
    return found


_SUBTEST = re.compile(r"\s*# Subtest: (.+)")
_TAP = re.compile(r"\s*(not ok|ok) \d+ ?(?:- )?(.*?)(?: # (TODO|SKIP)\b.*)?$", re.IGNORECASE)
_FIELD = re.compile(r"\s*(error|location|failureType): (.*)")
_ASIDE = re.compile(r"\s*(?:---$|(?:duration_ms|type|failureType|location): )")
_FRAME = re.compile(r"\s+(?:\S.* )?\(?((?:file://|/)[^\s()]+:\d+):\d+\)?$")
_OF_SUBTESTS = re.compile(r"\d+ subtests? failed$")
_OF_A_FILE = "test failed"
_SPEC = re.compile(r"(\s*)([✔✖▶﹣]) (.+?)(?: (\(\d[\d.]*ms\)))?(?: # (TODO|SKIP)\b.*)?$")
_SPEC_FAILURES = "✖ failing tests:"
_SPEC_PLACE = re.compile(r"test at (\S+:\d+):\d+$")
_LATE = re.compile(
    r'\s*[#ℹ] Error: (?:Test "(?P<test>.*)" at (?P<place>\S+:\d+):\d+|A resource) generated asynchronous activity '
    r'after the test ended\. This activity created the error "(?P<error>.*?)"(?: and would have | which )'
)


@dataclass
class _Entry:
    """A test in the output."""

    path: str
    """Names of its suites and its own."""
    outcome: str
    """passed, failed, skipped."""
    message: str = ""
    place: str = ""
    file: str = ""
    lines: Sequence[str] = ()


def read_node(output: ProgramOutput) -> Report | None:
    """Tests that failed themselves, not what they are part of."""
    lines = output.lines
    late = list(_late(lines))
    entries: list[_Entry] = []
    if "ok " in output.text:
        entries = list(_tap(lines))
    if not any(entry.outcome == "failed" for entry in entries) and "✖ " in output.text:
        entries = list(_spec(lines))
    if not late and not any(entry.outcome == "failed" for entry in entries):
        return None
    times = Counter(entry.path for entry in entries)
    told = {PurePath(one.place.rpartition(":")[0]).name for one in late}
    failed: list[FailedTest] = []
    for entry in entries:
        is_file = entry.message == _OF_A_FILE and entry.path == PurePath(entry.file).name
        if entry.outcome == "failed" and not (is_file and (entry.path in told or "" in told)):
            # Tests of several files may have one name.
            name = f"{PurePath(entry.file).name}: {entry.path}" if times[entry.path] > 1 and entry.file else entry.path
            failed.append(failed_test(name, entry.message, entry.place, entry.lines))
    of_late = {one.name for one in late}
    passed = [e.path for e in entries if e.outcome == "passed" and times[e.path] == 1 and e.path not in of_late]
    skipped = [entry.path for entry in entries if entry.outcome == "skipped" and times[entry.path] == 1]
    return Report([*failed, *late], passed, skipped)


def _late(lines: Sequence[str]) -> Iterator[FailedTest]:
    """Errors of what a test has left behind, which came when it had ended; they fail the file."""
    for index, match in matches(_LATE, lines):
        message = f"after the test had ended: {match['error']}"
        yield failed_test(match["test"] or "", message, match["place"] or "", [lines[index].strip()])


def _tap(lines: Sequence[str]) -> Iterator[_Entry]:
    above: dict[int, str] = {}
    """Names of the suites that are open, by how far they are indented."""
    for index, line in enumerate(lines):
        if opened := _SUBTEST.match(line):
            above = {indent: name for indent, name in above.items() if indent < indent_of(line)}
            above[indent_of(line)] = opened[1]
            continue
        match = _TAP.match(line)
        if match is None:
            continue
        indent = indent_of(line)
        path = " > ".join([*(name for deep, name in sorted(above.items()) if deep < indent), _name(match[2])])
        if match[3]:
            yield _Entry(path, "skipped")
        elif match[1].lower() == "ok":
            yield from _passed(path, lines[index + 1 : index + 6])
        elif (told := _of_tap(path, index, lines)) is not None:
            yield told


def _name(text: str) -> str:
    """A file that failed as a whole is called by its path: its name is enough."""
    return PurePath(text).name if text.startswith("/") else text


def _passed(path: str, below: Sequence[str]) -> Iterator[_Entry]:
    if not any(line.strip() == "type: 'suite'" for line in below):
        yield _Entry(path, "passed")


def _of_tap(path: str, start: int, lines: Sequence[str]) -> _Entry | None:
    """What is told of a test that failed; None if it failed by its subtests alone."""
    if lines[start + 1 : start + 2] == [] or lines[start + 1].strip() != "---":  # without fields: bats, prove
        notes = until(lines, start + 1, lambda line: not line.startswith("#"))
        message = " ".join(note.lstrip("# ") for note in notes) or "failed"
        return _Entry(path, "failed", message, lines=[lines[start], *notes])
    block = until(lines, start, lambda line: line.strip() == "...")
    values = {field[1]: (index, field[2]) for index, field in reversed(list(matches(_FIELD, block)))}
    index, message = values.get("error", (0, "failed"))
    if message.startswith("|"):
        message = " ".join(deeper(block[index + 1 :], indent_of(block[index])))
    else:
        message = _unquoted(message)
    if "subtestsFailed" in values.get("failureType", (0, ""))[1] or _OF_SUBTESTS.match(message):
        return None
    stack = next((index for index, line in enumerate(block) if line.lstrip().startswith("stack: ")), len(block))
    location = _unquoted(values.get("location", (0, ""))[1]).rpartition(":")[0]
    place = own_place(_FRAME, block[stack:]) or location
    shown = [line for line in block if not _ASIDE.match(line)]
    return _Entry(path, "failed", message, place, location.rpartition(":")[0], shown)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _spec(lines: Sequence[str]) -> Iterator[_Entry]:
    """The tree tells the paths; the errors come behind it, in older versions also in it."""
    begin = next((index for index, line in enumerate(lines) if line == _SPEC_FAILURES), len(lines))
    errors = dict(_errors(lines, begin))
    above: dict[int, str] = {}
    for index, match in matches(_SPEC, lines[:begin]):
        indent, mark, name = len(match[1]), match[2], _name(match[3])
        opened = above.get(indent)
        above = {deep: suite for deep, suite in above.items() if deep < indent}
        path = " > ".join([*(suite for _, suite in sorted(above.items())), name])
        if mark == "▶":
            above[indent] = name
        elif opened == name and match[4]:
            continue  # the end of a suite: what failed in it has been told
        elif match[5] or mark == "﹣":
            yield _Entry(path, "skipped")
        elif mark == "✔":
            yield _Entry(path, "passed")
        else:
            block, told = errors.get(f"{match[3]} {match[4]}") or (_block(lines, index), "")
            message = " ".join(until(block, 1, lambda line: line.lstrip().startswith("at "))).strip()
            place = js_place(block) or told
            file = told.rpartition(":")[0] or place.rpartition(":")[0]
            yield _Entry(path, "failed", _unquoted(message), place, file, block)


def _errors(lines: Sequence[str], begin: int) -> Iterator[tuple[str, tuple[list[str], str]]]:
    """What is told of each failure behind the tree, by its name and how long it took."""
    for index, match in matches(_SPEC, lines[begin + 1 :]):
        at = begin + 1 + index
        place = _SPEC_PLACE.match(lines[at - 1])
        yield f"{match[3]} {match[4]}", (_block(lines, at), place[1] if place else "")


def _block(lines: Sequence[str], start: int) -> list[str]:
    """A test that failed with what is told of it."""
    block = until(lines, start + 1, lambda line: _SPEC.match(line) or _SPEC_PLACE.match(line))
    return [lines[start], *deeper(block, indent_of(lines[start]))]
