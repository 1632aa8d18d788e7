"""Go: `go test`, plain, with -v and with -json, test binaries, testify, panics, and the race detector."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from flakeproof.failures.runners.report import (
    FailedTest,
    ProgramOutput,
    Report,
    failed_test,
    first_match,
    indent_of,
    matches,
    until,
)

_RESULT = re.compile(r"\s*--- (FAIL|PASS|SKIP): (\S+)(?: \(|$)")
_SPEAKER = re.compile(r"=== (RUN|PAUSE|CONT|NAME) +(\S+)$")
_PACKAGE_END = re.compile(r"(?:ok  |FAIL|\?   |---)\t(\S+)")
_MESSAGE = re.compile(r"\s+(\S+\.go:\d+):(?: (.*))?$")
_TESTIFY = re.compile(r"\s+(Error Trace|Error|Test|Messages):\s*(.*)")
_PANIC = re.compile(r"(?:panic|fatal error): (.*?)(?: \[recovered.*\])?$")
_TIMEOUT = re.compile(r"test timed out after ")
_RUNNING = re.compile(r"\s+(\S+) \(\d[^)]*\)$")
_FRAME = re.compile(r"\s+(\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$")
_TEST_FUNCTION = re.compile(r"(?:created by )?\S*[^)\s]\.((?:Test|Fuzz|Benchmark|Example)(?![a-z])\w*)")
_LIBRARY = re.compile(r"/src/(?:runtime|testing|time|sync|internal)/|_testmain\.go")
_RACE = "WARNING: DATA RACE"
_RACE_ACCESS = re.compile(r"(?:Previous )?(\w+) at 0x[0-9a-f]+ by (?:goroutine \d+|main goroutine)", re.IGNORECASE)
_RACE_VERDICT = "race detected during execution of test"


@dataclass
class _Test:
    """What a package tells of one test."""

    status: str = ""
    """FAIL, PASS, SKIP, or "" while it runs."""
    said: list[str] = field(default_factory=list)
    result: str = ""
    """The line with its status."""
    races: list[str] = field(default_factory=list)
    """Reports of the race detector right before it."""


def read(output: ProgramOutput) -> Report | None:
    """Tests that failed; a test is not counted for a subtest of it that failed, which counts by itself."""
    if not any(word in output.text for word in ("--- FAIL: ", "panic: ", "fatal error: ", _RACE)):
        return None
    failed: list[FailedTest] = []
    passed: list[str] = []
    skipped: list[str] = []
    complete = True
    packages = _packages(output.lines)
    qualifies = len({package for package, _ in packages if package}) > 1
    for package, lines in packages:
        prefix = f"{package}." if qualifies and package else ""
        tests, races = _tests(lines)
        parents = {name.rpartition("/")[0] for name in tests}
        broken = _panic(tests, lines)
        complete = complete and not broken
        ended = {one.name for one in broken}
        # What a test says of itself may be but a log where a subtest of it has failed, which counts by itself.
        not_own = ended | _with_failed_subtests(tests)
        found = [
            _told(name, test, races) for name, test in tests.items() if test.status == "FAIL" and name not in not_own
        ]
        found += broken
        if not found and (race := _first_race(races)) is not None:
            found = [race]
        failed += [
            FailedTest(prefix + one.name if one.name else "", one.message, one.place, one.lines) for one in found
        ]
        passed += [prefix + name for name, test in tests.items() if test.status == "PASS" and name not in parents]
        skipped += [prefix + name for name, test in tests.items() if test.status == "SKIP" and name not in parents]
    return Report(failed, passed, skipped, complete) if failed else None


def _packages(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The lines of each package, in the plain form, with its path as far as it is known."""
    if any(line.startswith('{"') and '"Action":' in line for line in lines):
        return _packages_of_json(lines)
    packages: list[tuple[str, list[str]]] = []
    begin = 0
    for index, match in matches(_PACKAGE_END, lines):
        packages.append((match[1], list(lines[begin : index + 1])))
        begin = index + 1
    packages.append(("", list(lines[begin:])))
    return packages


def _packages_of_json(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """The same for the records of test2json, in which the tests of several packages take turns."""
    texts: dict[str, list[str]] = {}
    speakers: dict[str, str] = {}
    for line in lines:
        try:
            record = json.loads(line) if line.startswith("{") else {"Output": f"{line}\n"}
        except ValueError:  # cut off
            continue
        if not isinstance(record, dict) or not (text := record.get("Output")):
            continue
        package, test = record.get("Package", ""), record.get("Test", "")
        told = texts.setdefault(package, [])
        if test and test != speakers.get(package) and not text.lstrip().startswith(("=== ", "--- ")):
            told.append(f"=== NAME  {test}\n")
        speakers[package] = test
        told.append(text)
    return [(package, "".join(told).splitlines()) for package, told in texts.items()]


def _tests(lines: Sequence[str]) -> tuple[dict[str, _Test], list[str]]:
    """The tests of one package with what each has said, and the reports of the race detector."""
    tests: dict[str, _Test] = {}
    races: list[str] = []
    since: list[str] = []
    speaker, block, depth = "", "", 0
    for line in lines:
        if result := _RESULT.match(line):
            test = tests.setdefault(result[2], _Test())
            test.status, test.result = result[1], line.strip()
            test.races, since = since, []
            block, depth, speaker = result[2], indent_of(line), ""
        elif turn := _SPEAKER.match(line):
            tests.setdefault(turn[2], _Test())
            speaker, block = ("" if turn[1] == "PAUSE" else turn[2]), ""
        elif line == _RACE or (since and not since[-1].startswith("====")):
            since.append(line)
            races.append(line)
        elif block and _continues(block, line, depth):
            tests[block].said.append(line)
        else:
            block = ""
            if speaker:
                tests[speaker].said.append(line)
    return tests, races


def _continues(name: str, line: str, depth: int) -> bool:
    """Whether `line` is said below the result of the test `name`; the output of an example is not indented."""
    if name.startswith("Example") and not depth:
        return line not in ("FAIL", "PASS") and not _PACKAGE_END.match(line)
    return bool(line) and indent_of(line) > depth


def _with_failed_subtests(tests: dict[str, _Test]) -> set[str]:
    """Tests of which a subtest, at whatever depth, has failed."""
    found: set[str] = set()
    for name, test in tests.items():
        if test.status == "FAIL":
            while (name := name.rpartition("/")[0]) and name not in found:
                found.add(name)
    return found


def _told(name: str, test: _Test, races: Sequence[str]) -> FailedTest:
    """How a test failed; `races` are the reports of the whole package."""
    start = next((index for index, line in enumerate(test.said) if _MESSAGE.match(line)), 0)
    said = test.said[start:]
    told = list(matches(_MESSAGE, said))
    is_race = bool(told) and told[-1][1][2] == _RACE_VERDICT
    if is_race and (found := _first_race(test.races) or _first_race(races)) is not None:
        return FailedTest(name, found.message, found.place, found.lines)
    if not told:
        return failed_test(name, said if name.startswith("Example") else "", "", [test.result, *said])
    last, message = told[-1]  # what ends a test comes last; before it are its logs
    more = until(said, last + 1, lambda line: _MESSAGE.match(line) or not line.startswith("        "))
    text = _testify(more) or " ".join([message[2] or "", *more])
    return failed_test(name, text, message[1], [test.result, *said])


def _testify(lines: Sequence[str]) -> str:
    """The error in a report of testify, and what the test adds to it; "" if it is none."""
    parts: dict[str, list[str]] = {}
    part: list[str] = []
    for line in lines:
        if label := _TESTIFY.match(line):
            part = parts[label[1]] = [label[2]]
        else:
            part.append(line)
    told = [" ".join(parts[name]) for name in ("Messages", "Error") if name in parts]
    return ": ".join(told) if "Error" in parts else ""


def _panic(tests: dict[str, _Test], lines: Sequence[str]) -> list[FailedTest]:
    """The test that a panic ended, or each that was running when the time was over; none without a panic."""
    found = first_match(_PANIC, lines)
    if found is None or not any(line.startswith("goroutine ") for line in lines[found[0] :]):
        return []
    start, match = found
    stack = lines[start:]
    if _TIMEOUT.match(match[1]):
        names = [running[1] for _, running in matches(_RUNNING, until(stack, 1, lambda line: not line))]
        leaves = [name for name in names if not any(other.startswith(f"{name}/") for other in names)]
        return [failed_test(name, match[1], "", lines[start : start + 3]) for name in leaves or [""]]
    before = [result[2] for _, result in matches(_RESULT, lines[:start]) if result[1] == "FAIL"]
    frames = (frame[1] for _, frame in matches(_FRAME, stack) if not _LIBRARY.search(frame[1]))
    rest = until(stack, 1, lambda line: line.startswith("goroutine "))
    name = _whose(tests, before, stack)
    return [failed_test(name, lines[start].partition(" [recovered")[0], next(frames, ""), [lines[start], *rest])]


def _whose(tests: dict[str, _Test], before: Sequence[str], stack: Sequence[str]) -> str:
    """The test that a panic belongs to: told right before, or in the stack, or the only one that was running."""
    named = [match[1] for _, match in matches(_TEST_FUNCTION, stack)]
    if before and not (named and named[0] != before[-1].partition("/")[0]):
        return before[-1]
    running = [name for name, test in tests.items() if not test.status]
    leaves = [name for name in running if not any(other.startswith(f"{name}/") for other in running)]
    own = [name for name in leaves if named and name.partition("/")[0] == named[0]]
    for names in (own, named, leaves if len(leaves) == 1 else []):
        if names:
            return names[0]
    return before[-1] if before else ""


def _first_race(lines: Sequence[str]) -> FailedTest | None:
    """Of several reports of the race detector the one that sorts first: which is told first differs, too."""
    reports = (
        _race(until(lines, start, lambda line: line.startswith("==========")))
        for start, line in enumerate(lines)
        if line == _RACE
    )
    return min(reports, key=lambda report: report.message, default=None)


def _race(report: Sequence[str]) -> FailedTest:
    accesses: list[str] = []
    places: list[str] = []
    for index, match in matches(_RACE_ACCESS, report):
        stack = until(report, index + 1, lambda line: not line)
        frames = [(frame[1], stack[at - 1].strip()) for at, frame in matches(_FRAME, stack) if at]
        own = [frame for frame in frames if not _LIBRARY.search(frame[0])] or frames or [("", "?")]
        accesses.append(f"{match[1].lower()} in {own[0][1]}")
        places.append(own[0][0])
    # Which of the two comes first differs from run to run; the race is the same.
    return failed_test("", f"DATA RACE: {' against '.join(sorted(accesses))}", next(iter(places), ""), report)
