"""Jest, Vitest and Mocha, with their usual reporters."""

import re
from collections.abc import Sequence

from flakeproof.failures.runners.report import FailedTest, Output, Report, failed_test, matches, until

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


def read(output: Output) -> Report | None:
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
