"""`go test -json`: one event a line."""

import re

import msgspec

from flakeproof.failures.runners import go
from flakeproof.failures.runners.report import ProgramOutput
from flakeproof.features.ci.case import Fact, Symptom
from flakeproof.features.ci.log_lines import LogLine
from flakeproof.features.ci.symptoms import symptom

_MOST_TESTS = 200_000
_MOST_LINES, _LONGEST = 300, 1_000
"""Of what one test has written."""
_SHUFFLE = re.compile(r"-test\.shuffle (\d+)")
_OWN = re.compile(r"\s*(?:=== |--- |FAIL$|FAIL\t|exit status |ok  \t|PASS$)")
_PLACE = re.compile(r"\s*\S+\.go:\d+: (.*\S)")
_PANIC = re.compile(r"panic: (.*\S)|WARNING: (DATA RACE)")


def _message(said: str, test: str) -> str:
    """As the reader of Go's plain output has it, "" where it has none: one failure is called alike in both."""
    report = go.read(ProgramOutput(said))
    found = [one.message for one in report.failed if one.name == test] if report is not None else []
    return "" if not found or found[0] == "failed" else found[0]


class _Event(msgspec.Struct):
    Action: str
    Time: str = ""
    Package: str = ""
    Test: str = ""
    Output: str = ""
    Elapsed: float = 0.0


class GoReader:
    """Takes in lines; those that are no events are told so."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._decoder = msgspec.json.Decoder(_Event)
        self._told: dict[tuple[str, str], tuple[str, int]] = {}
        self._said: dict[tuple[str, str], list[str]] = {}
        """What each test that has not ended has written."""
        self.order: dict[str, list[tuple[str, int]]] = {}
        """For each package its tests as they started, with the numbers of their lines."""
        self.outcomes: dict[str, str] = {}
        self.durations: dict[str, float] = {}
        self.failures: dict[str, tuple[Symptom, str]] = {}
        self.facts: dict[str, Fact] = {}
        self.first = ""
        self.packages_failed: dict[str, str] = {}
        """Packages that failed, and where that is told: a build, or a panic, fails no single test."""

    def take(self, line: LogLine) -> bool:
        """Whether it is an event."""
        if not line.text.startswith('{"') or '"Action"' not in line.text:
            return False
        try:
            event = self._decoder.decode(line.text)
        except msgspec.MsgspecError:
            return False
        source = f"{self._file}:{line.number}"
        self.first = self.first or source
        if event.Time and "started" not in self.facts:
            self.facts["started"] = Fact(value=event.Time[:40], source=source)
        if len(self.outcomes) < _MOST_TESTS:
            self._event(event, source, line.number)
        return True

    def _event(self, event: _Event, source: str, number: int) -> None:
        name = f"{event.Package}.{event.Test}" if event.Test else event.Package
        key = event.Package, event.Test
        match event.Action:
            case "run" if event.Test:
                self.order.setdefault(event.Package, []).append((name, number))
            case "output":
                if (found := _SHUFFLE.match(event.Output)) is not None:
                    self.facts.setdefault("shuffle", Fact(value=found[1], source=source))
                told = _PANIC.match(event.Output)
                place = _PLACE.match(event.Output)
                text = next((part for part in told.groups() if part), "") if told else place[1] if place else ""
                lines = self._said.setdefault(key, [])
                if event.Test and len(lines) < _MOST_LINES:
                    lines.append(event.Output[:_LONGEST])
                if key not in self._told and text and not _OWN.match(event.Output):
                    self._told[key] = text[:500], number
            case "pass" | "fail" | "skip" if event.Test:
                self.outcomes[name] = {"pass": "passed", "fail": "failed", "skip": "skipped"}[event.Action]
                self.durations[name] = event.Elapsed
                text, at = self._told.pop(key, ("", number))
                said = "".join(self._said.pop(key, []))
                if event.Action == "fail":
                    self.failures[name] = symptom(_message(said, event.Test) or text), f"{self._file}:{at}"
            case "fail":
                self.packages_failed[event.Package] = source

    def failing(self) -> dict[str, tuple[Symptom, str]]:
        """Tests that failed: of one whose subtests failed, those; a package where no test of it is named."""
        inner = {
            name: told
            for name, told in self.failures.items()
            if not any(other.startswith(f"{name}/") for other in self.failures)
        }
        for package, source in self.packages_failed.items():
            if not any(name.startswith(f"{package}.") for name in inner):
                inner[package] = symptom(self._told.get((package, ""), ("", 0))[0]), source
        return inner
