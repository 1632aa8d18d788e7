"""JUnit XML of any runner, read as a stream: what comes before the place where a file is cut off counts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from flakeproof.features.ci.case import Fact, Symptom
from flakeproof.features.ci.symptoms import symptom

_MOST_TESTS = 200_000
_MOST_TEXT = 20_000
_MOST_PROPERTIES = 1_000
_FAILED = {"failure": "call", "error": "setup"}
_RETRIED = frozenset({"rerunFailure", "rerunError"})
"""Surefire: it failed again each time."""
_FLAKY = frozenset({"flakyFailure", "flakyError"})
"""Surefire and nextest: it failed, and passed when it was tried once more."""
_TOLD = re.compile(r"^E +(\S.*)$", re.M)
_MODULE = re.compile(r"[A-Z]")
_PYTEST = re.compile(r"^pytest")


@dataclass
class ReportedTest:
    """A test in a report."""

    test: str
    outcome: str
    """`passed`, `failed`, `skipped`."""
    source: str
    seconds: float = 0.0
    symptom: Symptom | None = None
    passed_later: bool = False


@dataclass
class JunitReport:
    """What a file tells."""

    source: str
    is_pytest: bool = False
    tests: list[ReportedTest] = field(default_factory=list)
    """In the order of the file, which for pytest is that in which they ended."""
    facts: dict[str, Fact] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    """Of the suites, the first value of each name."""
    machine: str = ""
    """Its name in the network, as the file has it."""
    is_complete: bool = False
    """Whether the file has an end."""
    promised: int | None = None
    """Tests that the file says to have."""


def read(chunks: Iterator[bytes], file: str) -> JunitReport | None:
    """The report in the `chunks` of a file called `file`; None where it is no JUnit XML.

    Entities are not resolved and nothing is fetched. A few tests are in memory at once, beside what is told of them.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"), recover=True, resolve_entities=False, no_network=True, load_dtd=False
    )
    found = JunitReport(f"{file}:1")
    reader = _Reader(found, file)
    try:
        for chunk in chunks:
            parser.feed(chunk)
            if not all(reader.take(event, element) for event, element in _events(parser)):
                return None
    except etree.XMLSyntaxError:  # beyond what can be recovered from: what was read before counts
        pass
    reader.is_over = True  # what is closed now was not closed in the file
    try:
        parser.close()
        for event, element in _events(parser):
            reader.take(event, element)
    except etree.XMLSyntaxError:
        pass
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

    def take(self, event: str, element: etree._Element) -> bool:
        """An event of the parser; False where this is no JUnit XML."""
        name = _name(element)
        if event == "start":
            if not self.has_begun:
                if name not in ("testsuites", "testsuite"):
                    return False
                self.has_begun, self._root = True, element
            if name == "testsuite":
                self._suite(element)
            return True
        if name == "property":
            self._property(element)
        if name == "testcase":
            self._case(element)
            element.clear()
        elif name in ("system-out", "system-err") and _name(element.getparent()) != "testcase":
            element.clear()
        if element is self._root and not self.is_over:
            self._report.is_complete = True
        return True

    def _suite(self, element: etree._Element) -> None:
        report = self._report
        line = f"{self._file}:{_line(element)}"
        if _PYTEST.match(element.get("name") or ""):
            report.is_pytest = True
        if stamp := element.get("timestamp"):
            report.facts.setdefault("started", Fact(value=stamp[:40], source=line))
        if machine := element.get("hostname"):
            report.machine = report.machine or machine[:200]
        promised = element.get("tests") or ""
        if promised.isdigit() and _name(element.getparent()) in ("", "testsuites"):
            report.promised = (report.promised or 0) + int(promised[:9])

    def _property(self, element: etree._Element) -> None:
        around, known = element.getparent(), self._report.properties
        if _name(around.getparent() if around is not None else None) != "testcase" and len(known) < _MOST_PROPERTIES:
            known.setdefault((element.get("name") or "")[:200], (element.get("value") or "")[:1000])

    def _case(self, element: etree._Element) -> None:
        report = self._report
        if len(report.tests) >= _MOST_TESTS:
            return
        source = f"{self._file}:{_line(element)}"
        found = ReportedTest(self._id(element), "passed", source, _seconds(element.get("time")))
        for child in element:
            kind = _name(child)
            if kind == "skipped":
                found.outcome = "skipped"
            elif kind in _FLAKY or (kind in _FAILED and found.outcome != "failed"):
                found.symptom = found.symptom or _symptom(child, _FAILED.get(kind, "call"), report.is_pytest)
                if kind in _FLAKY:
                    found.passed_later = True
                else:
                    found.outcome = "failed"
        again = self._again(found)
        if again is None:
            report.tests.append(found)

    def _again(self, found: ReportedTest) -> ReportedTest | None:
        """The same test before, where a runner writes each try, or pytest the teardown, as a case of its own."""
        before = next((one for one in report_tail(self._report) if one.test == found.test), None)
        if before is None or "failed" not in (before.outcome, found.outcome):
            return None
        if before.outcome == "failed" and found.outcome == "passed":
            before.passed_later, before.outcome = True, "passed"
        elif before.outcome == "passed" and found.outcome == "failed":
            before.outcome, before.symptom, before.source = "failed", found.symptom, found.source
        return before

    def _id(self, element: etree._Element) -> str:
        where, name = (element.get("classname") or "")[:1000], (element.get("name") or "")[:2000]
        file = element.get("file") or ""
        if not self._report.is_pytest:
            return f"{where}::{name}" if where else name
        parts = where.split(".")
        if file.endswith(".py"):
            module = file.removesuffix(".py").replace("/", ".")
            inner = where.removeprefix(module).strip(".").split(".") if where.startswith(module) else []
            return "::".join([file, *filter(None, inner), name])
        classes = next((place for place, part in enumerate(parts) if _MODULE.match(part)), len(parts))
        return "::".join(["/".join(parts[:classes]) + ".py", *parts[classes:], name])


def report_tail(report: JunitReport) -> list[ReportedTest]:
    """The last tests: what belongs to one test stands together."""
    return report.tests[-8:]


def _symptom(element: etree._Element, phase: str, is_pytest: bool) -> Symptom:
    message, text = element.get("message") or "", (element.text or "")[:_MOST_TEXT]
    if not message and (told := _TOLD.search(text)) is not None:
        message = told[1]
    if not message:
        message = next((line for line in text.splitlines() if line.strip()), "")
    if is_pytest and phase == "setup" and message.startswith('failed on setup with "file '):
        told = _TOLD.search(text)
        message = f'failed on setup with "{told[1] if told is not None else ""}"'
    if message == "collection failure":
        told = _TOLD.search(text)
        return symptom(told[1] if told is not None else "", "collect")
    return symptom(message[:_MOST_TEXT], phase)


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
        return min(max(float((text or "0").replace(",", "")), 0.0), 1e9)
    except ValueError:
        return 0.0
