"""pytest's terminal output as it streams by: who failed how, what each worker ran in order, seeds and versions."""

import re
from dataclasses import dataclass, field

from flakeproof.features.ci.case import Colour, Fact, Symptom
from flakeproof.features.ci.log_lines import LogLine
from flakeproof.features.ci.symptoms import symptom

MAIN = "main"
"""The one process of a pytest without workers."""
BEGINS = re.compile(r"=+ test session starts =+$")
_MOST_TESTS = 200_000
_LONGEST_NAME = 2_000
_WORDS = "PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS|RERUN"
_OF_WORKER = re.compile(rf"\[(gw\d+)\] (?:\[ *\d+%\] )?({_WORDS}) (.*\S)")
_VERBOSE = re.compile(rf"((?:[^\s:]|:(?!:))++::.*?) ({_WORDS})(?: \(.*\))?(?: +\[ *\d+%\])?$")
_STARTED = re.compile(r"(\S+\.py::\S.*?) *$")
_OUTCOME_ALONE = re.compile(rf"({_WORDS})(?: \(.*\))?(?: +\[ *\d+%\])$")
_SHORT = re.compile(r"(FAILED|ERROR) (.*)$")
_RERUN = re.compile(r"RERUN (.*)$")
_END = re.compile(
    r"=+ (.*\d (?:failed|passed|skipped|deselected|errors?|warnings?|rerun|xfailed|xpassed)\b.*|no tests ran)"
    r" in ([\d.]+)s.*=+$"
)
_QUIET_END = re.compile(r"(\d+ (?:failed|passed|skipped|error|errors)\b.*) in ([\d.]+)s(?: \(.*\))?$")
_COUNT = re.compile(r"(\d+) (failed|passed|skipped|deselected|errors?|warnings?|rerun|xfailed|xpassed)")
_PLATFORM = re.compile(r"platform (\S+) -- Python (\S+?), pytest-(\S+?),")
_SECTION = re.compile(r"={3,} (.+?) ={3,}$")
_HEAD = re.compile(r"_{3,} (?:ERROR (?:at (setup|teardown) of|(collecting)) )?(.+?) _{3,}$")
_WORKER_OF_FAILURE = re.compile(r"\[(gw\d+)\] \S+ -- Python ")
_TOLD = re.compile(r"E   (.*)$")
_CRASHED = re.compile(r"worker '(gw\d+)' crashed while running '(.*)'")
_FACTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"rootdir: (.+?)(?:, (?:configfile|inifile|testpaths): .*)?$"), "folder"),
    (re.compile(r"plugins: (.+)$"), "plugins"),
    (re.compile(r"Using --randomly-seed=(\d{1,20})$"), "randomly seed"),
    (re.compile(r"Using --random-order-bucket=(\w+)"), "random-order bucket"),
    (re.compile(r"Using --random-order-seed=(\w{1,40})$"), "random-order seed"),
    (re.compile(r"created: \d+/(\d+) workers?$"), "workers"),
    (re.compile(r"(\d+) workers? \[\d+ items?\]"), "workers"),
    (re.compile(r"scheduling tests via (\w+)Scheduling"), "distribution"),
)


@dataclass
class LogFailure:
    """A test that failed, while its report comes in."""

    test: str
    symptom: Symptom
    source: str
    worker: str = ""


@dataclass
class Session:
    """One session of pytest in a log."""

    source: str
    order: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    """For each worker its tests, each with the number of its line."""
    failures: dict[tuple[str, str], LogFailure] = field(default_factory=dict)
    """By test and phase."""
    outcomes: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    """When tests that failed had ended, where the CI system writes that."""
    reruns: set[str] = field(default_factory=set)
    facts: dict[str, Fact] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    ended: bool = False

    @property
    def colour(self) -> Colour:
        """How it ended."""
        if self.failures or any(self.counts.get(name) for name in ("failed", "error")):
            return Colour.RED
        return Colour.GREEN if self.ended else Colour.UNKNOWN


class PytestReader:
    """Takes in lines; `sessions` has what they tell."""

    def __init__(self, file: str) -> None:
        """`file` is how the log is called where a line of it is named."""
        self.sessions: list[Session] = []
        self._file = file
        self._now: Session | None = None
        self._section = ""
        self._head: tuple[str, str] | None = None
        """Name and phase of the failure whose report is being read …"""
        self._heads: dict[tuple[str, str], tuple[str, str, str]] = {}
        """… and of those that were: worker, what the exception says, where."""
        self._started: str | None = None
        self._previous = ""
        self._known: dict[str, str] = {}

    @property
    def is_inside(self) -> bool:
        """Whether the lines that come are of a session."""
        return self._now is not None

    def take(self, line: LogLine) -> None:
        """The next line."""
        text = line.text
        if BEGINS.match(text):
            self.finish()
            self._now = Session(self._at(line))
            if line.stamp:
                self._now.facts["started"] = Fact(value=line.stamp, source=self._at(line))
            self.sessions.append(self._now)
            return
        if self._now is None and not self._begins_quietly(text, line):
            return
        is_end = text[:1].isdigit() and _QUIET_END.match(text) is not None
        if self._section in ("", "warnings summary") or text.startswith("=") or is_end:
            if self._is_structure(text, line):
                return
        elif (_HEAD.match(text) or self._head is not None) and self._is_report(text, line):
            return
        if self._section == "short test summary info":
            self._summary_line(text, line)

    def _begins_quietly(self, text: str, line: LogLine) -> bool:
        """Whether a session without a head (`pytest -q`) comes to its reports, or to its end."""
        section = _SECTION.match(text) if text.startswith("===") else None
        if (section is None or section[1] not in _TELLING) and not (text[:1].isdigit() and _QUIET_END.match(text)):
            return False
        self._now = Session(self._at(line))
        self.sessions.append(self._now)
        return True

    def finish(self) -> None:
        """No line of the session will come any more."""
        session = self._now
        if session is None:
            return
        for (name, phase), (worker, told, source) in self._heads.items():
            self._join(session, name, phase, worker, told, source)
        for test, word in session.outcomes.items():
            if word in ("FAILED", "ERROR") and not any(test == known for known, _ in session.failures):
                phase = "call" if word == "FAILED" else "setup"
                where = self._line_of(session, test)
                session.failures[test, phase] = LogFailure(test, Symptom(message="", phase=phase), where)
        self._now, self._section, self._head, self._heads, self._started = None, "", None, {}, None

    def _is_structure(self, text: str, line: LogLine) -> bool:
        session = self._now
        assert session is not None
        if (found := _END.match(text) or _QUIET_END.match(text)) is not None:
            self._ends(session, found, line)
            return True
        if (found := _SECTION.match(text)) is not None:
            self._section = found[1] if found[1] in _SECTIONS else "other"
            self._head = None
            return True
        if self._section:
            return False
        if (found := _OF_WORKER.match(text)) is not None:
            self._ran(session, found[1], found[3], found[2], line)
        elif "::" in text and (found := _VERBOSE.match(text)) is not None:
            self._started = None
            self._ran(session, MAIN, found[1], found[2], line)
        elif self._started is not None and (found := _OUTCOME_ALONE.search(text)) is not None:
            self._ran(session, MAIN, self._started, found[1], line)  # what it has printed stands between
            self._started = None
        elif "::" in text and "workers" not in session.facts and (found := _STARTED.match(text)) is not None:
            self._started = found[1].partition(" ")[0] if "[" not in found[1] else found[1]
        elif self._started is not None and text.startswith("Fatal Python error: "):
            told = Symptom(message=text[:_LONGEST_NAME], phase="crash")
            session.failures[self._started, "crash"] = LogFailure(self._started, told, self._at(line))
        elif (found := _PLATFORM.match(text)) is not None:
            for name, value in zip(("machine", "python", "pytest"), found.groups(), strict=True):
                self._fact(session, name, value, line)
        else:
            for pattern, name in _FACTS:
                if (found := pattern.match(text)) is not None:
                    self._fact(session, name, found[1], line)
                    break
        return True

    def _is_report(self, text: str, line: LogLine) -> bool:
        session = self._now
        assert session is not None
        if (found := _HEAD.match(text)) is not None:
            phase = found[1] or ("collect" if found[2] else "call")
            self._head = found[3], phase
            self._heads.setdefault(self._head, ("", "", self._at(line)))
            return True
        if self._head is None:
            return False
        worker, told, source = self._heads.get(self._head, ("", "", ""))
        if not worker and (found := _WORKER_OF_FAILURE.match(text)) is not None:
            self._heads[self._head] = found[1], told, source
        elif not told and (found := _TOLD.match(text)) is not None and found[1].strip():
            self._heads[self._head] = worker, found[1].strip(), self._at(line)
        elif (found := _CRASHED.match(text)) is not None:
            test = found[2]
            session.failures[test, "crash"] = LogFailure(
                test, Symptom(message=f"worker crashed while running {test}", phase="crash"), self._at(line), found[1]
            )
            self._heads.pop(self._head, None)
        return True

    def _summary_line(self, text: str, line: LogLine) -> None:
        session = self._now
        assert session is not None
        if (found := _SHORT.match(text)) is not None:
            test, told = _name_and_message(found[2])
            if len(test) > _LONGEST_NAME or len(session.failures) > _MOST_TESTS:
                return
            if told == "" and test in {name for name, phase in session.failures if phase == "crash"}:
                return
            phase = "call" if found[1] == "FAILED" else "setup" if "::" in test else "collect"
            if (test, "crash") in session.failures:
                return
            key = (test, phase)
            if key not in session.failures:
                session.failures[key] = LogFailure(test, symptom(told, phase, may_be_cut=True), self._at(line))
        elif (found := _RERUN.match(text)) is not None:
            session.reruns.add(_name_and_message(found[1])[0])

    def _join(self, session: Session, name: str, phase: str, worker: str, told: str, source: str) -> None:
        """Give what was said in the report of a failure to the test that the summary names."""
        for key, failure in list(session.failures.items()):
            test, known = key
            if _title(test) != name or known == "crash":
                continue
            same = known == phase or (known in ("setup", "collect") and phase in ("setup", "teardown", "collect"))
            if not same or (failure.worker and failure.worker != worker):
                continue
            del session.failures[key]
            better = symptom(told, phase) if told else Symptom(message=failure.symptom.message, phase=phase)
            session.failures[test, phase] = LogFailure(test, better, source if told else failure.source, worker)
            return
        for test, word in session.outcomes.items():  # a log without the summary
            if word in ("FAILED", "ERROR") and _title(test) == name and (test, phase) not in session.failures:
                session.failures[test, phase] = LogFailure(test, symptom(told, phase), source, worker)
                return
        unnamed = not any(_title(test) == name for test, _ in session.failures)
        if unnamed or (phase == "collect" and (name, phase) not in session.failures):
            session.failures[name, phase] = LogFailure(name, symptom(told, phase), source, worker)

    def _ends(self, session: Session, found: re.Match[str], line: LogLine) -> None:
        for count, name in _COUNT.findall(found[1]):
            session.counts[name.rstrip("s") if name.startswith(("error", "warning")) else name] = int(count[:9])
        self._fact(session, "duration", f"{found[2]}s", line)
        session.ended = True
        self.finish()

    def _ran(self, session: Session, worker: str, test: str, word: str, line: LogLine) -> None:
        if len(test) > _LONGEST_NAME or len(session.outcomes) > _MOST_TESTS:
            return
        test = self._known.setdefault(test, test)  # one copy of each name
        if word == "RERUN":
            session.reruns.add(test)
        order = session.order.setdefault(worker, [])
        if not order or order[-1][0] != test:  # an error at teardown, or a rerun, comes behind its test
            order.append((test, line.number))
        if word in ("FAILED", "ERROR") and line.stamp:
            session.stamps.setdefault(test, line.stamp)
        before = session.outcomes.get(test)
        session.outcomes[test] = before if before == "FAILED" and word != "PASSED" else word

    def _fact(self, session: Session, name: str, value: str, line: LogLine) -> None:
        session.facts.setdefault(name, Fact(value=value, source=self._at(line)))

    def _line_of(self, session: Session, test: str) -> str:
        numbers = (number for order in session.order.values() for name, number in order if name == test)
        return next((f"{self._file}:{number}" for number in numbers), session.source)

    def _at(self, line: LogLine) -> str:
        return f"{self._file}:{line.number}"


_TELLING = frozenset({"FAILURES", "ERRORS", "short test summary info"})
_SECTIONS = _TELLING | {"warnings summary"}


def _title(test: str) -> str:
    """How pytest calls a test above its report: without the file, dots between classes."""
    _, colons, rest = test.partition("::")
    if not colons:
        return test
    name, bracket, parameters = rest.partition("[")
    return name.replace("::", ".") + bracket + parameters


def _name_and_message(text: str) -> tuple[str, str]:
    """The id and the message of a line of the summary; ` - ` may be in both."""
    text = text[:_LONGEST_NAME]
    depth, place = 0, 0
    inside = text.find("::")
    while place < len(text):
        if text[place] == "[" and 0 <= inside < place:
            depth += 1
        elif text[place] == "]":
            depth = max(0, depth - 1)
        elif depth == 0 and text.startswith(" - ", place):
            return text[:place], text[place + 3 :]
        place += 1
    first, dash, rest = text.partition(" - ")
    return (first, rest) if dash else (text, "")
