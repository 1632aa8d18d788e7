"""JUnit XML of any runner, read as a stream: what comes before the place where a file is cut off counts."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from flakeproof.failures.junit_dialects import UNKNOWN, Dialect, Heading, Said, ToldCase, ToldProblem, dialect_of

_MOST_TESTS = 200_000
_MOST_TEXT = 20_000
_MOST_PROPERTIES = 1_000
_FAILED = frozenset({"failure", "error"})
_RETRIED = frozenset({"rerunFailure", "rerunError"})
"""Surefire and nextest: it failed again."""
_FLAKY = frozenset({"flakyFailure", "flakyError"})
"""Surefire and nextest: it failed, and passed when it was tried once more."""
_NOT_RUN = frozenset({"notrun", "disabled"})
"""Values of `status`, of CTest and GoogleTest."""


@dataclass
class ReportedTest:
    """A test in a report."""

    test: str
    outcome: str
    """`passed`, `failed`, `skipped`."""
    source: str
    """`file:line`."""
    seconds: float = 0.0
    said: Said | None = None
    """How it failed, also where it passed later."""
    passed_later: bool = False
    text: str = ""
    """All that its runner tells of the failure."""


@dataclass
class JunitReport:
    """What a file tells."""

    source: str
    """`file:line` of its beginning."""
    dialect: Dialect = UNKNOWN
    tests: list[ReportedTest] = field(default_factory=list)
    """In the order of the file."""
    started: tuple[str, str] | None = None
    """What the file says of when the tests began, and where it does."""
    properties: dict[str, str] = field(default_factory=dict)
    """Of the suites, the first value of each name."""
    machine: str = ""
    """Its name in the network, as the file has it."""
    is_complete: bool = False
    """Whether the file has an end."""
    promised: int | None = None
    """Tests that the file says to have."""
    tries_look_alike: bool = False
    """Whether one test stands in it several times, failed and passed: tried again, or asked for several times."""

    _known: dict[str, ReportedTest] = field(default_factory=dict)

    def add(self, found: ReportedTest) -> None:
        """Take a test in; what some runners write of each try, and pytest of the teardown, is of one test."""
        before = self._known.get(found.test)
        if before is None or "failed" not in (before.outcome, found.outcome):
            self._known[found.test] = found
            self.tests.append(found)
            return
        if self.dialect.is_ordered:
            tried_again = before.outcome == "failed" and found.outcome == "passed"
        else:
            tried_again = "passed" in (before.outcome, found.outcome)
            self.tries_look_alike |= tried_again
        failed = before if before.outcome == "failed" else found
        before.said, before.source, before.text = failed.said, failed.source, failed.text
        before.outcome, before.passed_later = ("passed", True) if tried_again else ("failed", False)

    def take_in(self, other: "JunitReport") -> None:
        """What another file tells of the same run: some runners write one for each class."""
        for test in other.tests:
            self.add(test)
        self.is_complete &= other.is_complete
        self.tries_look_alike |= other.tries_look_alike
        self.promised = None if self.promised is None or other.promised is None else self.promised + other.promised
        self.started = min(filter(None, (self.started, other.started)), default=None)

    def failures(self) -> list[ReportedTest]:
        """Tests that failed, also those that passed later; without those that failed for tests inside of them."""
        failed = [one for one in self.tests if one.outcome == "failed" or one.passed_later]
        if self.dialect.keeps_parents:
            return failed
        parents = {parent for one in failed for parent in _parents(one.test)}
        return [one for one in failed if one.test not in parents]


def read(chunks: Iterable[bytes], file: str) -> JunitReport | None:
    """The report in the `chunks` of a file called `file`; None where it is no JUnit XML.

    Entities are not resolved and nothing is fetched. A few tests are in memory at once, beside what is told of them.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"), recover=True, resolve_entities=False, no_network=True, load_dtd=False
    )
    found = JunitReport(f"{file}:1")
    reader = _Reader(found, file)
    with suppress(etree.XMLSyntaxError):  # beyond what can be recovered from: what was read before counts
        for chunk in chunks:
            parser.feed(chunk)
            if not all(reader.take(event, element) for event, element in _events(parser)):
                return None
    reader.is_over = True  # what is closed now was not closed in the file
    with suppress(etree.XMLSyntaxError):
        parser.close()
        for event, element in _events(parser):
            reader.take(event, element)
    return found if reader.has_begun else None


def _events(parser: "etree.XMLPullParser") -> Iterator[tuple[str, etree._Element]]:
    for event, element in parser.read_events():
        if isinstance(element, etree._Element):
            yield event, element


class _Reader:
    def __init__(self, report: JunitReport, file: str) -> None:
        self._report = report
        self._file = file
        self.has_begun = False
        self.is_over = False
        self._root: etree._Element | None = None
        self._heading = Heading()
        self._suites: list[str] = []
        self._has_dialect = False

    def take(self, event: str, element: etree._Element) -> bool:
        """An event of the parser; False where this is no JUnit XML."""
        name = _name(element)
        if event == "start":
            if not self.has_begun:
                if name not in ("testsuites", "testsuite"):
                    return False
                self.has_begun, self._root = True, element
                self._heading.root, self._heading.attributes = name, _attributes(element)
            if name == "testsuite":
                self._suite(element)
            return True
        if name == "testcase":
            self._case(element)
            element.clear()
        elif name == "testsuite":
            self._suites = self._suites[:-1]
            if element is not self._root:
                element.clear()
        elif name == "property" and len(self._report.properties) < _MOST_PROPERTIES:
            self._property(element)
        elif name in ("system-out", "system-err") and _name(element.getparent()) != "testcase":
            element.clear()
        if element is self._root and not self.is_over:
            self._report.is_complete = True
        return True

    def _suite(self, element: etree._Element) -> None:
        report = self._report
        self._suites.append((element.get("name") or "")[:500])
        if not self._has_dialect:
            self._heading.suite = _attributes(element)
        if (stamp := element.get("timestamp")) and report.started is None:
            report.started = stamp[:40], f"{self._file}:{_line(element)}"
        report.machine = report.machine or (element.get("hostname") or "")[:200]
        promised = element.get("tests") or ""
        if promised.isdigit() and _name(element.getparent()) in ("", "testsuites"):
            report.promised = (report.promised or 0) + int(promised[:9])

    def _property(self, element: etree._Element) -> None:
        if _name(element.getparent()) == "properties" and _name(_above(element, 2)) in ("testsuite", "testsuites"):
            name, value = element.get("name") or "", element.get("value") or ""
            self._report.properties.setdefault(name[:200], value[:1000])

    def _case(self, element: etree._Element) -> None:
        report = self._report
        if len(report.tests) >= _MOST_TESTS:
            return
        told = ToldCase(_attributes(element), tuple(self._suites))
        for child in element:
            kind = _name(child)
            if kind in _FAILED | _FLAKY | _RETRIED:
                problem = ToldProblem(kind, child.get("message") or "", child.get("type") or "", _text(child))
                told.problems.append(problem)
            elif kind == "skipped":
                told.skipped = child.get("message") or ""
            elif kind == "system-out":
                told.printed = (child.text or "")[:_MOST_TEXT]
        if not self._has_dialect:
            self._has_dialect, self._heading.properties = True, report.properties
            report.dialect = dialect_of(self._heading, told)
        report.add(_reported(report.dialect, told, element, self._file))


def _reported(dialect: Dialect, told: ToldCase, element: etree._Element, file: str) -> ReportedTest:
    source = f"{file}:{_line(element)}"
    found = ReportedTest(dialect.name(told), "passed", source, _seconds(element.get("time")))
    if told.skipped is not None and not told.skipped.startswith(dialect.reasons_to_skip):
        told.problems.append(ToldProblem("failure", told.skipped))
    elif told.skipped is not None or told.get("status") in _NOT_RUN:
        found.outcome = "skipped"
    for problem in told.problems:
        if problem.kind in _RETRIED:
            continue
        if found.said is None:
            found.said, found.text = dialect.said(told, problem), problem.text or problem.message[:_MOST_TEXT]
        if problem.kind in _FLAKY:
            found.passed_later = True
        else:
            found.outcome = "failed"
    return found


def _parents(test: str) -> Iterator[str]:
    """Of a test of Go: those whose part it is."""
    package, slash, rest = test.rpartition(".Test")
    parts = rest.split("/") if slash else []
    for count in range(1, len(parts)):
        yield f"{package}.Test{'/'.join(parts[:count])}"


def _text(element: etree._Element) -> str:
    """What an element holds, or the stack inside of it, where Surefire tells of a try."""
    inner = next((child.text for child in element if _name(child) == "stackTrace"), None)
    return (inner or element.text or "")[:_MOST_TEXT]


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value)[:_MOST_TEXT] for name, value in element.attrib.items()}


def _above(element: etree._Element, levels: int) -> etree._Element | None:
    found: etree._Element | None = element
    for _ in range(levels):
        found = found.getparent() if found is not None else None
    return found


def _name(element: etree._Element | None) -> str:
    """The tag without a namespace; "" for what is no element."""
    if element is None or not isinstance(element.tag, str):
        return ""
    return element.tag.rpartition("}")[2]


def _line(element: etree._Element) -> int:
    found: Any = element.sourceline
    return int(found or 1)


def _seconds(text: str | None) -> float:
    try:
        found = float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0
    return min(found, 1e9) if found > 0 else 0.0  # NaN is not
