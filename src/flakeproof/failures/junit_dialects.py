"""The dialects of JUnit XML: which runner has written a file, how it calls its tests, and where it tells what failed.

A name is the one that the runner's output has (`failures.runners`): a test is known by it wherever it is told of.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flakeproof.failures.runners import go, rust
from flakeproof.failures.runners.gtest import GTEST_PLACE
from flakeproof.failures.runners.javascript import js_place
from flakeproof.failures.runners.junit import java_message, java_place
from flakeproof.failures.runners.report import FailedTest, ProgramOutput, Report, until

_TOLD = re.compile(r"^E +(\S.*)$", re.M)
_CAPITAL = re.compile(r"[A-Z]")
_PYTEST = re.compile(r"pytest\b")
_PLAIN_ERROR = "Error: "
"""Jest leaves it out in its output, and tells every other type."""
_PHP_PLACE = re.compile(r"(\S+\.php):(\d+)$", re.M)
_RUBY_PLACE = re.compile(r"^(?:# )?(\S+\.rb:\d+):in ", re.M)
_NODE_PREFIX = re.compile(r"\w*Error \[ERR_TEST_FAILURE\]: ")


@dataclass
class ToldProblem:
    """An element that tells of a failure, or of one try of several."""

    kind: str
    """`failure`, `error`, `flakyFailure`, `rerunError` …"""
    message: str = ""
    type: str = ""
    text: str = ""


@dataclass
class ToldCase:
    """A `testcase` as it stands in the file."""

    attributes: Mapping[str, str]
    suites: Sequence[str] = ()
    """Names of the suites that it is in, the outermost first."""
    problems: list[ToldProblem] = field(default_factory=list)
    skipped: str | None = None
    """Why it was skipped; None if it was not."""
    printed: str = ""
    """What stands in its `system-out`."""

    def get(self, name: str) -> str:
        """An attribute, cut to a length that a name may have."""
        return (self.attributes.get(name) or "")[:2000]


@dataclass(frozen=True)
class Said:
    """What went wrong, as far as one line has it."""

    message: str
    place: str = ""
    phase: str = "call"


@dataclass(frozen=True)
class Dialect:
    """How one runner writes."""

    runner: str
    """`pytest`, `go`, `maven` …; "" for one that is not known."""
    name: Callable[[ToldCase], str]
    said: Callable[[ToldCase, ToldProblem], Said]
    is_ordered: bool = False
    """Whether tests stand in the order in which they ended."""
    keeps_parents: bool = True
    """Whether a test that failed for a test inside of it counts by itself."""
    reasons_to_skip: tuple[str, ...] = ("",)
    """How reasons begin for which a test is skipped; with another one it has failed."""


@dataclass
class Heading:
    """What stands in a file before its first test."""

    root: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    suite: Mapping[str, str] = field(default_factory=dict)
    """Attributes of the suite of the first test."""
    properties: dict[str, str] = field(default_factory=dict)


def dialect_of(heading: Heading, first: ToldCase) -> Dialect:
    """The dialect of a file, by what its runner alone writes."""
    suite, root = heading.suite, heading.attributes
    name, runs = root.get("name") or "", first.attributes
    if _PYTEST.match(suite.get("name") or "") or _PYTEST.match(name):
        return PYTEST
    if "go.version" in heading.properties:
        return _GO
    if any("surefire" in value for key, value in suite.items() if key.endswith("SchemaLocation")):
        return _MAVEN
    if name == "nextest-run" or "uuid" in root:
        return _NEXTEST
    if name == "vitest tests":
        return _VITEST
    if "assertions" in runs and "class" in runs:
        return _PHPUNIT
    if (suite.get("name") or "").startswith("rspec"):
        return _RSPEC
    if runs.get("result") in ("completed", "skipped", "suppressed"):
        return _GTEST
    if runs.get("status") in ("run", "fail", "notrun", "disabled") and first.get("name") == first.get("classname"):
        return _CTEST
    if name == "jest tests" or any("/jest-circus/" in one.text for one in first.problems):
        return _JEST
    if heading.root == "testsuites" and root.get("id") == "" and name == "" and suite.get("hostname") == "":
        return _PLAYWRIGHT
    if heading.root == "testsuites" and not root and runs.get("classname") == "test":
        return _NODE
    return UNKNOWN


def _of_pytest(case: ToldCase) -> str:
    """The node id; where the file is not told, by the habit that classes begin with a capital."""
    where, name, file = case.get("classname"), case.get("name"), case.get("file")
    parts = where.split(".")
    if file.endswith(".py"):
        module = file.removesuffix(".py").replace("/", ".")
        inner = where.removeprefix(module).strip(".").split(".") if where.startswith(module) else []
        return "::".join([file, *filter(None, inner), name])
    classes = next((place for place, part in enumerate(parts) if _CAPITAL.match(part)), len(parts))
    return "::".join(["/".join(parts[:classes]) + ".py", *parts[classes:], name])


def _joined(separator: str) -> Callable[[ToldCase], str]:
    """The class and the name."""

    def name(case: ToldCase) -> str:
        return separator.join(part for part in (case.get("classname"), case.get("name")) if part)

    return name


def _alone(case: ToldCase) -> str:
    return case.get("name").strip()


def _in_suites(case: ToldCase) -> str:
    return " > ".join([*case.suites, case.get("name")])


def _pytest_said(_: ToldCase, problem: ToldProblem) -> Said:
    phase = "setup" if problem.kind == "error" else "call"
    told = _TOLD.search(problem.text)
    message = problem.message or (told[1] if told is not None else "") or _first(problem.text)
    if phase == "setup" and message.startswith('failed on setup with "file '):
        message = f'failed on setup with "{told[1] if told is not None else ""}"'
    if message == "collection failure":
        return Said(told[1] if told is not None else "", phase="collect")
    return Said(message, phase=phase)


def _by_reader(read: Callable[[ProgramOutput], Report | None]) -> Callable[[ToldCase, ToldProblem], Said]:
    """What the reader of the runner's output finds in the text; else what the attributes tell."""

    def said(case: ToldCase, problem: ToldProblem) -> Said:
        report = read(ProgramOutput(problem.text))
        own: FailedTest | None = report.failed[0] if report is not None else None
        if own is None:
            return Said(_first(problem.text) or _first(problem.message))
        message = own.message if own.name else own.message.partition(": ")[2] or own.message
        return Said("" if message == "failed" else message, own.place)

    return said


def _maven_said(_: ToldCase, problem: ToldProblem) -> Said:
    """A message that begins with an empty line stands below its type."""
    lines = [line for line in problem.text.splitlines() if line.strip()]
    told = java_message(lines) or ": ".join(filter(None, (problem.type, _first(problem.message))))
    return Said(told, java_place(lines))


def _javascript_said(_: ToldCase, problem: ToldProblem) -> Said:
    """The first line of the text has the type, which `message` lacks."""
    return Said(_first(problem.text) or _first(problem.message), js_place(problem.text.splitlines()))


def _jest_said(case: ToldCase, problem: ToldProblem) -> Said:
    said = _javascript_said(case, problem)
    return Said(said.message.removeprefix(_PLAIN_ERROR), said.place)


def _playwright_said(_: ToldCase, problem: ToldProblem) -> Said:
    lines = [line.strip() for line in problem.text.splitlines()]
    message = _first(problem.message)
    full = next((line for line in lines if message and line.endswith(message)), message)
    return Said(full, js_place(lines))


def _node_said(_: ToldCase, problem: ToldProblem) -> Said:
    first = _NODE_PREFIX.sub("", _first(problem.text), count=1)
    return Said(first or _first(problem.message), js_place(problem.text.splitlines()))


def _ctest_said(case: ToldCase, problem: ToldProblem) -> Said:
    """CTest keeps what a test has written beside the failure, which is empty."""
    from flakeproof.failures.command_output import read  # which reads CTest as well

    output = ProgramOutput(case.printed)
    inner = read(case.printed)
    if inner is not None and inner.failed:
        return Said(inner.failed[0].title, inner.failed[0].place)
    last = next((line for line in reversed(output.lines) if line.strip()), "")
    return Said(last.strip() or problem.message)


def _gtest_said(_: ToldCase, problem: ToldProblem) -> Said:
    """All of the message but the place above it, as the reader of its output has it."""
    place, *rest = problem.message.splitlines() or [""]
    found = GTEST_PLACE.match(place)
    if found is None:
        return Said(" ".join(problem.message.split()) or _first(problem.text))
    return Said(" ".join(" ".join(rest).split()), found[1] or "")


def _phpunit_said(case: ToldCase, problem: ToldProblem) -> Said:
    """Behind a line with the name of the test; several lines up to an empty one are the message."""
    lines = problem.text.splitlines()
    lines = lines[1:] if lines and case.get("name").partition(" ")[0] in lines[0] else lines
    message = " ".join(until(lines, 0, lambda line: not line.strip()))
    place = _PHP_PLACE.search(problem.text)
    return Said(message or problem.type, f"{place[1]}:{place[2]}" if place is not None else "")


def _rspec_said(_: ToldCase, problem: ToldProblem) -> Said:
    place = _RUBY_PLACE.search(problem.text)
    message = " ".join(until(problem.message.strip().splitlines(), 0, lambda line: not line.strip()))
    kind = "" if problem.type.endswith("ExpectationNotMetError") else problem.type
    return Said(": ".join(filter(None, (kind, " ".join(message.split())))), place[1] if place is not None else "")


def _any_said(_: ToldCase, problem: ToldProblem) -> Said:
    return Said(_first(problem.message) or _first(problem.text))


def _first(text: str) -> str:
    """The first line with something on it."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


PYTEST = Dialect("pytest", _of_pytest, _pytest_said, is_ordered=True)
UNKNOWN = Dialect("", _joined("::"), _any_said)
_GO = Dialect("go", _joined("."), _by_reader(go.read), keeps_parents=False)
_MAVEN = Dialect("maven", _joined("."), _maven_said)
_NEXTEST = Dialect("nextest", _joined("::"), _by_reader(rust.read))
_JEST = Dialect("jest", _alone, _jest_said)
_VITEST = Dialect("vitest", _joined(" > "), _javascript_said)
_PLAYWRIGHT = Dialect("playwright", _joined(" › "), _playwright_said)
_NODE = Dialect("node", _in_suites, _node_said)
_CTEST = Dialect("ctest", _alone, _ctest_said, reasons_to_skip=("SKIP_",))
_GTEST = Dialect("gtest", _joined("."), _gtest_said)
_PHPUNIT = Dialect("phpunit", _joined("::"), _phpunit_said)
_RSPEC = Dialect("rspec", _alone, _rspec_said)
