"""What a failed program says in its output: the failure itself, not the banner around it.

Recognised are the reports of Go (with testify), Rust, node:test, TAP, Jest, Vitest, Mocha, JUnit (its own, Maven's,
Gradle's) and pytest, uncaught errors of Python, JavaScript and Java, the sanitizers of C compilers, and assert(3). For
anything else the last line has to do.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import dedent

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
_SHOWN = 12
"""Lines of a preview, at most."""


@dataclass(frozen=True)
class Finding:
    """A failure found in an output."""

    title: str
    """One line: what failed, and how."""
    place: str = ""
    """`file:line`, as far as it is told."""
    preview: list[str] = field(default_factory=list)
    """The lines that tell it."""


def find(output: str) -> Finding | None:
    """The failure that `output` tells of; None if nothing of it is known."""
    lines = [_COLOUR.sub("", line).rstrip() for line in output.splitlines()]
    for recognise in _KINDS:
        if (found := recognise(lines)) is not None:
            return found
    return None


def last_line(output: str) -> str:
    """The last line with something on it, "" if there is none."""
    return next((line for line in reversed(_COLOUR.sub("", output).splitlines()) if line.strip()), "").strip()


def _finding(name: str, message: str, place: str, lines: Sequence[str]) -> Finding:
    title = ": ".join(part for part in (name, " ".join(message.split())) if part)
    preview = dedent("\n".join(line for line in lines if line.strip())).splitlines()
    return Finding(title, place, preview[:_SHOWN])


def _matches(pattern: re.Pattern[str], lines: Sequence[str]) -> Iterator[tuple[int, re.Match[str]]]:
    return ((index, match) for index, line in enumerate(lines) if (match := pattern.match(line)))


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> tuple[int, re.Match[str]] | None:
    return next(_matches(pattern, lines), None)


def _until(lines: Sequence[str], start: int, end: Callable[[str], object]) -> list[str]:
    """Lines from `start` up to the first for which `end` holds."""
    stop = next((index for index in range(start, len(lines)) if end(lines[index])), len(lines))
    return list(lines[start:stop])


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _deeper(lines: Sequence[str], indent: int) -> list[str]:
    """The first of `lines` that are empty or further to the right than `indent`."""
    return _until(lines, 0, lambda line: line and _indent(line) <= indent)


# -- Go

_RACE_ACCESS = re.compile(r"(?:Previous )?(\w+) at 0x[0-9a-f]+ by (?:goroutine \d+|main goroutine)", re.IGNORECASE)
_GO_FRAME = re.compile(r"\s+(\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$")
_GO_FAIL = re.compile(r"\s*--- FAIL: (\S+) \(")
_GO_SAID_BY = re.compile(r"=== (?:RUN|PAUSE|CONT|NAME) +(\S+)$")
_GO_MESSAGE = re.compile(r"\s+(\S+\.go:\d+):(?: (.*))?$")
_TESTIFY = re.compile(r"\s+(Error Trace|Error|Test|Messages):\s*(.*)")
_GO_PANIC = re.compile(r"(?:panic|fatal error): (.*?)(?: \[recovered.*\])?$")
_GO_TIMEOUT = re.compile(r"test timed out after ")
_GO_RUNNING = re.compile(r"\s+(\S+) \(\d[^)]*\)$")
_GO_OWN = re.compile(r"/src/(?:runtime|testing|time|sync|internal)/|_testmain\.go")


def _go_race(lines: Sequence[str]) -> Finding | None:
    reports = [
        _go_race_report(_until(lines, start, lambda line: line.startswith("==========")))
        for start, line in enumerate(lines)
        if line == "WARNING: DATA RACE"
    ]
    # Which of several races is told first differs from run to run, too.
    return min(reports, key=lambda report: report.title, default=None)


def _go_race_report(report: Sequence[str]) -> Finding:
    accesses: list[str] = []
    places: list[str] = []
    for index, match in _matches(_RACE_ACCESS, report):
        stack = _until(report, index + 1, lambda line: not line)
        frames = [(frame[1], stack[at - 1].strip()) for at, frame in _matches(_GO_FRAME, stack) if at]
        own = [frame for frame in frames if not _GO_OWN.search(frame[0])] or frames or [("", "?")]
        accesses.append(f"{match[1].lower()} in {own[0][1]}")
        places.append(own[0][0])
    # Which of the two comes first differs from run to run; the race is the same.
    return _finding("DATA RACE", " against ".join(sorted(accesses)), next(iter(places), ""), report)


def _go_panic(lines: Sequence[str]) -> Finding | None:
    found = _first(_GO_PANIC, lines)
    if found is None or not any(line.startswith("goroutine ") for line in lines):
        return None
    start, match = found
    if _GO_TIMEOUT.match(match[1]):
        names = [running[1] for _, running in _matches(_GO_RUNNING, lines[start + 1 : start + 20])]
        return _finding(", ".join(names), match[1], "", lines[start : start + 3])
    failed = [name[1] for _, name in _matches(_GO_FAIL, lines[:start])]
    frames = (frame[1] for _, frame in _matches(_GO_FRAME, lines[start:]) if not _GO_OWN.search(frame[1]))
    rest = _until(lines, start + 1, lambda line: line.startswith("goroutine "))
    return _finding(
        failed[-1] if failed else "", lines[start].partition(" [recovered")[0], next(frames, ""), [lines[start], *rest]
    )


def _go_test(lines: Sequence[str]) -> Finding | None:
    failed = list(_matches(_GO_FAIL, lines))
    if not failed:
        return None
    index, match = failed[0]
    for deeper, inner in failed[1:]:
        if inner[1].startswith(match[1] + "/"):
            index, match = deeper, inner
    block = _until(lines, index + 1, lambda line: not line.startswith(" ") or _GO_FAIL.match(line))
    if not any(_GO_MESSAGE.match(line) for line in block):  # with -v what is said comes before
        block = _go_said(match[1], lines[:index])
    messages = list(_matches(_GO_MESSAGE, block))
    if not messages:
        return _finding(match[1], "failed", "", [lines[index], *block])
    last, message = messages[-1]  # what ends a test comes last; before it are its logs
    more = _until(block, last + 1, lambda line: _GO_MESSAGE.match(line) or not line.startswith("        "))
    text = _testify(more) or " ".join([message[2] or "", *more])
    return _finding(match[1], text, message[1], [lines[index], *block])


def _go_said(name: str, lines: Sequence[str]) -> list[str]:
    """What the test `name` has said with -v, from its first message on: tests that run at once take turns."""
    said: list[str] = []
    speaker = ""
    for line in lines:
        if turn := _GO_SAID_BY.match(line):
            speaker = turn[1]
        elif speaker == name and (said or _GO_MESSAGE.match(line)):
            said.append(line)
    return said


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


# -- Rust

_RUST = re.compile(r"thread '([^']*)'(?: \(\d+\))? panicked at (?:'(.*)', )?([^' ]+?):(\d+):\d+:?$")

_RUST_BEGUN = re.compile(r"thread '[^']*' panicked at '(?!.*', [^' ]+:\d+:\d+$)")
_RUST_PLACE_LAST = re.compile(r".*', [^' ]+:\d+:\d+$")
_RUST_TEST = re.compile(r"---- (\S+) stdout ----$")


def _rust(lines: Sequence[str]) -> Finding | None:
    if begun := _first(_RUST_BEGUN, lines):  # before Rust 1.73 the place stands behind the message, however long it is
        end = next((at for at, _ in _matches(_RUST_PLACE_LAST, lines[begun[0] :])), 0) + begun[0]
        joined = " ".join(line.strip() for line in lines[begun[0] : end + 1])
        if match := _RUST.match(joined):
            place = f"{match[3]}:{match[4]}"
            return _finding(match[1], match[2], place, lines[begun[0] : end + 1])
    found = _first(_RUST, lines)
    if found is None:
        return None
    start, match = found
    rest = _until(lines, start + 1, lambda line: not line or line.startswith(("stack backtrace", "note: ")))
    message = match[2] or (rest[0] if rest else "")
    tests = [test[1] for _, test in _matches(_RUST_TEST, lines[:start])]
    name = tests[-1] if tests and match[1] == "<unnamed>" else match[1]  # a thread that a test has started
    return _finding(name, message, f"{match[3]}:{match[4]}", [lines[start], *rest])


# -- JavaScript

_TAP = re.compile(r"\s*not ok \d+ (?:- )?(?!.*# (?:TODO|SKIP)\b)(.*)", re.IGNORECASE)
_TAP_FIELD = re.compile(r"\s*(error|location): (.*)")
_TAP_ASIDE = re.compile(r"\s*(?:---$|(?:duration_ms|type|failureType|location): )")
_TAP_FRAME = re.compile(r"\s+(?:\S.* )?\(?((?:file://|/)[^\s()]+:\d+):\d+\)?$")
_SPEC = re.compile(r"\s*✖ (.+) \(\d[\d.]*ms\)$")
_SPEC_PLACE = re.compile(r"test at (\S+:\d+):\d+$")
_JEST = re.compile(r"\s*● (?!Console$)(.+)")
_VITEST = re.compile(r"\s*FAIL\s+(\S+ > .+)")
_MOCHA = re.compile(r"\s+\d+\) (.*)")
_MOCHA_END = re.compile(r"\s+(?:at |\+ expected - actual|\d+\) )")
_JS_PLACE = re.compile(r"\s*(?:at .*?\(?|❯ (?:.* )?)((?:file://)?[^\s()]+:\d+):\d+\)?(?: \{)?$")
_JS_ERROR = re.compile(r"\s*(?:Uncaught )?((?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?(?:: .*)?)$")


def _tap(lines: Sequence[str]) -> Finding | None:
    found = _first(_TAP, lines)
    if found is None:
        return None
    start, match = found
    if lines[start + 1 : start + 2] == [] or lines[start + 1].strip() != "---":  # without fields: bats, prove
        notes = _until(lines, start + 1, lambda line: not line.startswith("#"))
        return _finding(match[1], " ".join(note.lstrip("# ") for note in notes) or "failed", "", [lines[start], *notes])
    block = _until(lines, start, lambda line: line.strip() == "...")
    values = {field[1]: (index, field[2]) for index, field in reversed(list(_matches(_TAP_FIELD, block)))}
    index, message = values.get("error", (0, "failed"))
    if message.startswith("|"):
        message = " ".join(_deeper(block[index + 1 :], _indent(block[index])))
    else:
        message = _unquoted(message)
    stack = next((index for index, line in enumerate(block) if line.lstrip().startswith("stack: ")), len(block))
    place = _own_place(_TAP_FRAME, block[stack:]) or _unquoted(values.get("location", (0, ""))[1]).rpartition(":")[0]
    return _finding(match[1], message, place, [line for line in block if not _TAP_ASIDE.match(line)])


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == "'" else text


def _node_spec(lines: Sequence[str]) -> Finding | None:
    """The reporter of node:test for people, which newer versions use everywhere."""
    # The tree comes first, in newer versions without the errors; what follows is all about failures.
    begin = next((index for index, line in enumerate(lines) if line == "✖ failing tests:"), 0)
    for index, match in _matches(_SPEC, lines[begin:]):
        block = _until(lines, begin + index + 1, lambda line: _SPEC.match(line) or _SPEC_PLACE.match(line))
        block = _deeper(block, _indent(lines[begin + index]))
        message = " ".join(_until(block, 0, lambda line: line.lstrip().startswith(("at ", "{")))).strip()
        if message:  # the test itself, not what it is part of
            told = _SPEC_PLACE.match(lines[begin + index - 1])
            place = _js_place(block) or (told[1] if told else "")
            return _finding(match[1], _unquoted(message), place, [lines[begin + index], *block])
    return None


def _jest(lines: Sequence[str]) -> Finding | None:
    found = _first(_JEST, lines) or _first(_VITEST, lines)
    if found is None:
        return None
    start, match = found
    block = _until(lines, start + 1, lambda line: _JEST.match(line) or _VITEST.match(line))
    message = next((line for line in block if line.strip()), "")
    return _finding(match[1], message, _js_place(block), [lines[start], *block])


def _mocha(lines: Sequence[str]) -> Finding | None:
    start = next((index for index, line in enumerate(lines) if re.match(r"\s+\d+ failing$", line)), len(lines))
    found = _first(_MOCHA, lines[start:])
    if found is None:
        return None
    first = start + found[0]
    end = next((index for index in range(first, len(lines)) if lines[index].endswith(":")), first)
    name = " ".join([found[1][1], *(line.strip() for line in lines[first + 1 : end + 1])]).rstrip(":")
    block = _until(lines, end + 1, _MOCHA.match)
    return _finding(
        name, " ".join(_until(block, 0, _MOCHA_END.match)), _js_place(block), [*lines[first : end + 1], *block]
    )


def _js_place(lines: Sequence[str]) -> str:
    return _own_place(_JS_PLACE, lines)


def _own_place(pattern: re.Pattern[str], lines: Sequence[str]) -> str:
    """The first place that is neither node's nor a package's."""
    places = (match[1].removeprefix("file://") for _, match in _matches(pattern, lines))
    return next((place for place in places if "node_modules" not in place and not place.startswith("node:")), "")


def _js_error(lines: Sequence[str]) -> Finding | None:
    for index, match in _matches(_JS_ERROR, lines):
        if any(_JS_PLACE.match(line) for line in lines[index + 1 : index + 3]):
            return _finding("", match[1], _js_place(lines[index:]), lines[index:])
    return None


# -- Java

_MAVEN = re.compile(r"\[ERROR\] {2,}([\w.$]+\.\w+)(?::(\d+)(?:->\S+)*| (?=»)) (.+)")
_MAVEN_DETAIL = re.compile(r"\[ERROR\] (\S+) .*<<< (?:FAILURE|ERROR)!")
_GRADLE = re.compile(r"(\S+ > .+) FAILED$")
_JUNIT_4 = re.compile(r"\d+\) (\w+)\(([\w.$]+)\)$")
_JUNIT_5 = re.compile(r"\s+=> (.+)")
_JAVA_ERROR = re.compile(r'\s*(?:Exception in thread "[^"]*" )?((?:[\w$]+\.)+[\w$]*(?:Error|Exception|Failure)\b.*)')
_JAVA_PLACE = re.compile(r"\s+(?:at )?(\S*?)\(?([\w$]+\.(?:java|kt|scala):\d+)\)?$")
_JAVA_OWN = re.compile(
    r"(?:[\w.]+/)?(?:java|javax|jdk|sun|kotlin|scala|org\.(?:junit|opentest4j|hamcrest|assertj|mockito|testng))\."
)


def _junit(lines: Sequence[str]) -> Finding | None:
    if found := _first(_MAVEN, lines):
        index, match = found
        details = (at for at, told in _matches(_MAVEN_DETAIL, lines) if f".{told[1]}".endswith(f".{match[1]}"))
        start = next(details, index)
        block = _until(lines, start, lambda line: not line or line.startswith("[INFO]"))
        place = _java_place(block) or (f"line {match[2]}" if match[2] else "")
        return _finding(match[1], match[3].removeprefix("» "), place, block if start < index else [lines[index]])
    for recognise in (_junit_4, _junit_5, _gradle):
        if (told := recognise(lines)) is not None:
            return told
    return None


def _junit_4(lines: Sequence[str]) -> Finding | None:
    for index, match in _matches(_JUNIT_4, lines):
        block = _until(lines, index + 1, lambda line: not line or _JUNIT_4.match(line))
        if place := _java_place(block):
            return _finding(f"{match[2]}.{match[1]}", block[0], place, [lines[index], *block])
    return None


def _junit_5(lines: Sequence[str]) -> Finding | None:
    """The console launcher of the JUnit platform."""
    start = next((index for index, line in enumerate(lines) if re.match(r"Failures \(\d+\):$", line)), len(lines))
    found = _first(_JUNIT_5, lines[start:])
    if found is None:
        return None
    index = start + found[0]
    name = lines[max(start + 1, index - 2)].strip().removeprefix("JUnit Jupiter:").removeprefix("JUnit Vintage:")
    block = _until(lines, index, lambda line: not line.startswith("    "))
    return _finding(name, found[1][1], _java_place(block), block)


def _gradle(lines: Sequence[str]) -> Finding | None:
    found = _first(_GRADLE, lines)
    if found is None:
        return None
    index, match = found
    block = _until(lines, index + 1, lambda line: not line)
    return _finding(match[1], block[0] if block else "failed", _java_place(block), [lines[index], *block])


def _java_error(lines: Sequence[str]) -> Finding | None:
    for index, match in _matches(_JAVA_ERROR, lines):
        block = _until(lines, index + 1, lambda line: not line.startswith((" ", "\t")))
        if place := _java_place(block):
            return _finding("", match[1], place, [lines[index], *block])
    return None


def _java_place(lines: Sequence[str]) -> str:
    """The first place that is not a library's; else the first."""
    places = [(match[1], match[2]) for _, match in _matches(_JAVA_PLACE, lines)]
    own = [place for place in places if not _JAVA_OWN.match(place[0])]
    return (own or places or [("", "")])[0][1]


# -- Python

_PYTEST = re.compile(r"(?:FAILED|ERROR) (\S+(?:::.*?)?)(?: - (.*))?$")
_PYTEST_PLACE = re.compile(r"(\S+\.py:\d+): \w")
_PYTHON_FRAME = re.compile(r'  File "(.+)", line (\d+)(?:, in .*)?$')
_PYTHON_START = "Traceback (most recent call last):"


def _pytest(lines: Sequence[str]) -> Finding | None:
    found = _first(_PYTEST, lines)
    if found is None or not any("short test summary" in line for line in lines):
        return None
    index, match = found
    told = [line for line in lines if line.startswith("E  ")]
    place = next((where[1] for _, where in _matches(_PYTEST_PLACE, lines)), "")
    return _finding(match[1], match[2] or "failed", place, [*told, lines[index]])


def _python(lines: Sequence[str]) -> Finding | None:
    starts = [index for index, line in enumerate(lines) if line == _PYTHON_START]
    if not starts:
        return None
    end = next((index for index in range(starts[-1] + 1, len(lines)) if not lines[index].startswith(" ")), None)
    if end is None or not lines[end]:
        return None
    frames = [match for _, match in _matches(_PYTHON_FRAME, lines[starts[-1] : end])]
    place = f"{frames[-1][1]}:{frames[-1][2]}" if frames else ""
    return _finding("", lines[end], place, lines[max(starts[-1], end - _SHOWN + 1) : end + 1])


# -- C

_SANITIZER = re.compile(r"SUMMARY: (\w+Sanitizer: .*)")
_ASSERT = re.compile(r"(?:\S+: )?(\S+:\d+): (.*\bAssertion .* failed\.?)$", re.IGNORECASE)


def _sanitizer(lines: Sequence[str]) -> Finding | None:
    found = _first(_SANITIZER, lines)
    if found is None:
        return None
    start = next((index for index, line in enumerate(lines) if "Sanitizer: " in line), found[0])
    return _finding("", found[1][1], "", [*lines[start : start + _SHOWN - 1], lines[found[0]]])


def _assert(lines: Sequence[str]) -> Finding | None:
    found = _first(_ASSERT, lines)
    return _finding("", found[1][2], found[1][1], [lines[found[0]]]) if found else None


_KINDS: tuple[Callable[[Sequence[str]], Finding | None], ...] = (
    *(_go_race, _go_panic, _go_test, _rust, _tap, _node_spec, _jest, _mocha, _junit, _pytest),
    *(_sanitizer, _assert, _python, _java_error, _js_error),
)
"""The more special first: a report of a test framework says more than the error that it quotes."""
