"""What a failed program says in its output: the failure itself, not the banner around it.

Recognised are the reports of Go, Rust, node:test (TAP), Jest and Vitest, JUnit under Maven and Gradle, pytest, uncaught
errors of Python, JavaScript and Java, the sanitizers of C compilers, and assert(3). For anything else the last line has
to do.
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


# -- Go

_RACE_ACCESS = re.compile(r"(?:Previous )?(\w+) at 0x[0-9a-f]+ by (?:goroutine \d+|main goroutine)", re.IGNORECASE)
_GO_FRAME = re.compile(r"\s+(\S+\.go:\d+)(?: \+0x[0-9a-f]+)?$")
_GO_FAIL = re.compile(r"\s*--- FAIL: (\S+) \(")
_GO_MESSAGE = re.compile(r"\s+(\S+\.go:\d+): (.*)")
_GO_PANIC = re.compile(r"(?:panic|fatal error): (.*?)(?: \[recovered.*\])?$")
_GO_TIMEOUT = re.compile(r"test timed out after ")
_GO_RUNNING = re.compile(r"\s+(\S+) \(\d[^)]*\)$")
_GO_OWN = re.compile(r"/src/(?:runtime|testing|time|sync|internal)/|_testmain\.go")


def _go_race(lines: Sequence[str]) -> Finding | None:
    start = next((index for index, line in enumerate(lines) if line == "WARNING: DATA RACE"), None)
    if start is None:
        return None
    report = _until(lines, start, lambda line: line.startswith("=========="))
    accesses: list[str] = []
    places: list[str] = []
    for index, match in _matches(_RACE_ACCESS, report):
        function = report[index + 1].strip() if index + 1 < len(report) else "?"
        frame = _GO_FRAME.match(report[index + 2]) if index + 2 < len(report) else None
        accesses.append(f"{match[1].lower()} in {function}")
        places += [frame[1]] if frame else []
    return _finding("DATA RACE", " against ".join(accesses), places[0] if places else "", report)


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
        before = lines[: failed[0][0]][::-1]
        block = _until(before, 0, lambda line: line.startswith(("=== RUN", "--- ")))[::-1]
    messages = list(_matches(_GO_MESSAGE, block))
    if not messages:
        return _finding(match[1], "failed", "", [lines[index], *block])
    last, message = messages[-1]  # what ends a test comes last; before it are its logs
    more = _until(block, last + 1, lambda line: _GO_MESSAGE.match(line) or not line.startswith("        "))
    return _finding(match[1], " ".join([message[2], *more]), message[1], [lines[index], *block])


# -- Rust

_RUST = re.compile(r"thread '([^']*)'(?: \(\d+\))? panicked at (?:'(.*)', )?([^' ]+?):(\d+):\d+:?$")


def _rust(lines: Sequence[str]) -> Finding | None:
    found = _first(_RUST, lines)
    if found is None:
        return None
    start, match = found
    rest = _until(lines, start + 1, lambda line: not line or line.startswith(("stack backtrace", "note: ")))
    message = match[2] or (rest[0] if rest else "")
    return _finding(match[1], message, f"{match[3]}:{match[4]}", [lines[start], *rest])


# -- JavaScript

_TAP = re.compile(r"\s*not ok \d+ - (.*)")
_TAP_FIELD = re.compile(r"\s*(error|location): (.*)")
_JEST = re.compile(r"\s*● (.+)")
_VITEST = re.compile(r"\s*FAIL\s+(\S+ > .+)")
_JS_PLACE = re.compile(r"\s*(?:at .*?\(?|❯ (?:.* )?)((?:file://)?[^\s()]+:\d+):\d+\)?$")
_JS_ERROR = re.compile(r"\s*(?:Uncaught )?((?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?(?:: .*)?)$")


def _tap(lines: Sequence[str]) -> Finding | None:
    found = _first(_TAP, lines)
    if found is None:
        return None
    start, match = found
    block = _until(lines, start, lambda line: line.strip() == "...")
    values = {field[1]: (index, field[2]) for index, field in reversed(list(_matches(_TAP_FIELD, block)))}
    index, message = values.get("error", (0, "failed"))
    if message.startswith("|"):
        indent = len(block[index]) - len(block[index].lstrip())
        message = " ".join(_until(block, index + 1, lambda line: line and len(line) - len(line.lstrip()) <= indent))
    place = values.get("location", (0, ""))[1].strip("'").rpartition(":")[0]
    return _finding(match[1], message.strip("'"), place, block)


def _jest(lines: Sequence[str]) -> Finding | None:
    found = _first(_JEST, lines) or _first(_VITEST, lines)
    if found is None:
        return None
    start, match = found
    block = _until(lines, start + 1, lambda line: _JEST.match(line) or _VITEST.match(line))
    message = next((line for line in block if line.strip()), "")
    return _finding(match[1], message, _js_place(block), [lines[start], *block])


def _js_place(lines: Sequence[str]) -> str:
    places = (match[1] for _, match in _matches(_JS_PLACE, lines))
    return next((place for place in places if "node_modules" not in place and not place.startswith("node:")), "")


def _js_error(lines: Sequence[str]) -> Finding | None:
    for index, match in _matches(_JS_ERROR, lines):
        if any(_JS_PLACE.match(line) for line in lines[index + 1 : index + 3]):
            return _finding("", match[1], _js_place(lines[index:]), lines[index:])
    return None


# -- Java

_MAVEN = re.compile(r"\[ERROR\]\s+([\w.$]+\.\w+):(\d+)(?:->\S+)* (.+)")
_GRADLE = re.compile(r"(\S+ > .+) FAILED$")
_JAVA_ERROR = re.compile(r'\s*(?:Exception in thread "[^"]*" )?((?:[\w$]+\.)+[\w$]*(?:Error|Exception|Failure)\b.*)')
_JAVA_PLACE = re.compile(r"\s+at .*?\(?([\w$]+\.(?:java|kt|scala):\d+)\)?$")


def _junit(lines: Sequence[str]) -> Finding | None:
    if found := _first(_MAVEN, lines):
        index, match = found
        return _finding(match[1], match[3], f"line {match[2]}", [lines[index]])
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
    return next((match[1] for _, match in _matches(_JAVA_PLACE, lines)), "")


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
    *(_go_race, _go_panic, _go_test, _rust, _tap, _jest, _junit, _pytest),
    *(_sanitizer, _assert, _python, _java_error, _js_error),
)
"""The more special first: a report of a test framework says more than the error that it quotes."""
