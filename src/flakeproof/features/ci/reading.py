"""From artifacts to cases: which reader each file is for, and what belongs together."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import msgspec

from flakeproof.errors import UsageError
from flakeproof.failures import junit_reports
from flakeproof.failures.junit_reports import JunitReport, ReportedTest
from flakeproof.features.ci import log_lines
from flakeproof.features.ci.artifacts import Artifact
from flakeproof.features.ci.case import ASKED, Case, CaseFailure, Colour, Fact, Symptom, WorkerHistory, dotted
from flakeproof.features.ci.go_events import GoReader
from flakeproof.features.ci.names import same
from flakeproof.features.ci.pytest_log import MAIN, PytestReader, Session
from flakeproof.features.ci.runner_log import RunnerLog, seed_in
from flakeproof.features.ci.symptoms import alike, symptom
from flakeproof.text import plural

_START = 2_000
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_MOST_HASH_SEED = 2**32 - 1
_FIRST_WINS = frozenset(("commit", "provider", "started"))
_OF_A_CLASS = "TEST-"
"""How Surefire and Gradle begin the names of their files."""


def cases(found: Sequence[Artifact]) -> list[Case]:
    """One for each session of a runner in the files, red ones first. Raises UsageError where there is none."""
    made: list[Case] = []
    reports: list[JunitReport] = []
    problems: list[str] = []
    around: dict[str, Fact] = {}
    """What logs without a session say of the job."""
    for artifact in found:
        try:
            chunks = artifact.open()
            start = b""
            for chunk in chunks:
                start += chunk
                if len(start) >= _START:
                    break
            everything = chain([start], chunks)
            if _is_xml(start):
                report = junit_reports.read(everything, artifact.name)
                if report is not None:
                    reports.append(report)
            elif b"\0" not in start:
                told, job = _log(everything, artifact.name)
                made += told
                if not told:
                    around.update(job)
        except OSError as error:
            problems.append(f"{artifact.name} cannot be read: {error.strerror or error}")
    made = _once(made)
    for report in _together(reports):
        _add(made, report, around)
    if not made:
        what = "; ".join(problems[:3]) or f"{plural(len(found), 'file')} read, and no session of a test runner is in it"
        raise UsageError(
            what,
            "there has to be the output of a test runner with a test that failed, or a JUnit XML file; "
            "flakeproof ci --capture prints what to configure",
        )
    for case in made:
        case.notes.extend(problems)
    order = {Colour.RED: 0, Colour.UNKNOWN: 1, Colour.GREEN: 2}
    return sorted(map(_with_unknown, made), key=lambda case: order[case.colour])


def _is_xml(start: bytes) -> bool:
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text.startswith((b"<?xml", b"<testsuite"))


def _log(chunks: Iterator[bytes], file: str) -> tuple[list[Case], dict[str, Fact]]:
    """The sessions in a log, and what stands around them."""
    reader, go, other = PytestReader(file), GoReader(file), RunnerLog(file)
    job: dict[str, Fact] = {}
    of_session: list[dict[str, Fact]] = []
    for line in log_lines.read(chunks):
        sessions = len(reader.sessions)
        reader.take(line)
        if len(reader.sessions) > sessions:
            of_session.append(dict(job))
            job.pop("command", None)
        if reader.is_inside or (line.text.startswith("{") and go.take(line)):
            continue
        other.take(line)
        if (seed := seed_in(line.text)) is not None:
            _learn(job, "shuffle", seed, f"{file}:{line.number}")
        for name, value in log_lines.facts_in(line.text):
            _learn(job, name, value, f"{file}:{line.number}")
    cut_off = reader.is_inside
    reader.finish()
    made = [
        _of_session(session, {**job, **before}, cut_off=cut_off and session is reader.sessions[-1])
        for session, before in zip(reader.sessions, of_session, strict=True)
    ]
    if go.first:
        made.append(_of_go(go, job))
    elif not made and (told := other.case(job)) is not None:
        made.append(told)
    return made, job


def _learn(job: dict[str, Fact], name: str, value: str, source: str) -> None:
    if name == "hash seed" and not (value.isdigit() and len(value) <= 10 and int(value) <= _MOST_HASH_SEED):
        return  # `random` is none, and with another one Python would not start
    if name == "commit" and not _COMMIT.fullmatch(value):
        return
    if name == "time zone" and value.startswith(("/", ":")):
        return  # a file of the machine, not a zone
    before = job.get(name)
    is_commit = name == "commit" and before is not None and value.startswith(before.value)
    if before is None or name not in _FIRST_WINS or is_commit:
        job[name] = Fact(value=value[:300], source=source)


def _of_session(session: Session, job: dict[str, Fact], *, cut_off: bool) -> Case:
    file = session.source.rpartition(":")[0]
    facts = {**job, **session.facts}
    if "workers" in facts:
        facts.setdefault("distribution", Fact(value="load", source=facts["workers"].source))
    places = {test: worker for worker, order in session.order.items() for test, _ in order}
    failures = [
        CaseFailure(
            test=one.test,
            symptom=one.symptom,
            source=one.source,
            worker=one.worker or (places.get(one.test, "") if "workers" in facts else ""),
            at=session.stamps.get(one.test, ""),
        )
        for one in session.failures.values()
    ]
    passed_later = [test for test in session.reruns if session.outcomes.get(test, "PASSED") == "PASSED"]
    failures += [
        CaseFailure(test=test, symptom=_no_message(), source=session.source, passed_later=True)
        for test in sorted(passed_later)
        if test not in {one.test for one in failures}
    ]
    notes = []
    if cut_off:
        notes.append("the log is cut off: it has no last line of the session")
    return Case(
        runner="pytest",
        source=session.source,
        colour=session.colour,
        failures=failures,
        counts=session.counts or _counted(word.lower() for word in session.outcomes.values()),
        histories=[
            WorkerHistory(
                worker=worker,
                tests=[test for test, _ in order],
                first=f"{file}:{order[0][1]}",
                last=f"{file}:{order[-1][1]}",
            )
            for worker, order in sorted(session.order.items(), key=lambda one: (len(one[0]), one[0]))
        ],
        is_ordered=True,
        facts=facts,
        notes=notes,
    )


def _no_message() -> Symptom:
    return symptom("")


def _of_go(go: GoReader, job: dict[str, Fact]) -> Case:
    failing = go.failing()
    return Case(
        runner="go",
        source=go.first,
        colour=Colour.RED if failing else Colour.GREEN,
        failures=[CaseFailure(test=name, symptom=told, source=source) for name, (told, source) in failing.items()],
        counts=_counted(go.outcomes.values()),
        histories=[
            WorkerHistory(
                worker=package,
                tests=[test for test, _ in order],
                first=f"{go.first.rpartition(':')[0]}:{order[0][1]}",
                last=f"{go.first.rpartition(':')[0]}:{order[-1][1]}",
            )
            for package, order in go.order.items()
        ],
        is_ordered=True,
        facts={**job, **go.facts},
        durations=go.durations,
    )


def _together(reports: Iterable[JunitReport]) -> list[JunitReport]:
    """Those of one run as one: Surefire and others write a file for each class into one folder."""
    made: list[JunitReport] = []
    of_folder: dict[tuple[str, str], JunitReport] = {}
    for report in reports:
        folder, _, name = report.source.rpartition(":")[0].rpartition("/")
        key = report.dialect.runner, folder
        if name.startswith(_OF_A_CLASS) and key in of_folder:
            of_folder[key].take_in(report)
            continue
        of_folder[key] = report
        made.append(report)
    return made


def _of_report(report: JunitReport) -> Case:
    runner = report.dialect.runner
    failures = [
        CaseFailure(test=one.test, symptom=_symptom_of(one), source=one.source, passed_later=one.passed_later)
        for one in report.failures()
    ]
    red = any(not one.passed_later for one in failures)
    is_known = report.is_complete and not report.tries_look_alike
    facts = {}
    if report.started is not None:
        facts["started"] = Fact(value=report.started[0], source=report.started[1])
    if runner == "rspec" and (seed := report.properties.get("seed", "")).isdigit():
        facts["seed"] = Fact(value=seed, source=report.source)
    return Case(
        runner=runner,
        source=report.source,
        colour=Colour.RED if red else Colour.GREEN if is_known else Colour.UNKNOWN,
        failures=failures,
        counts=_counted(one.outcome for one in report.tests),
        histories=[
            WorkerHistory(
                worker=MAIN,
                tests=list(dict.fromkeys(one.test for one in report.tests)),
                first=report.tests[0].source,
                last=report.tests[-1].source,
            )
        ]
        if report.tests
        else [],
        is_ordered=report.dialect.is_ordered,
        facts=facts,
        notes=list(_notes(report)),
        durations={one.test: one.seconds for one in report.tests},
    )


def _notes(report: JunitReport) -> Iterator[str]:
    if not report.is_complete:
        yield "the JUnit file is cut off: tests behind its end are not known"
    elif report.promised not in (None, len(report.tests)) and not report.tries_look_alike:
        yield f"the JUnit file says that it has {plural(report.promised or 0, 'test')}, and has {len(report.tests)}"
    if report.tries_look_alike:
        yield (
            "a test stands in the JUnit file several times, failed and passed: its runner tried it again, or was asked "
            "to run it several times"
        )


def _symptom_of(test: ReportedTest) -> Symptom:
    if test.said is None:
        return _no_message()
    return symptom(test.said.message, test.said.phase)


def _add(made: list[Case], report: JunitReport, around: Mapping[str, Fact]) -> None:
    """Let a report tell the case that it is of what that does not know, or be a case of its own."""
    own = _of_report(report)
    failed = {dotted(one.test) for one in own.failures}
    for place, case in enumerate(made):
        if case.runner != "pytest" and _is_of_one_run(case, own):
            # The file has all tests and whole messages, the log what stands around them.
            facts = {**own.facts, **case.facts}
            made[place] = msgspec.structs.replace(own, facts=facts, notes=[*case.notes, *own.notes])
            if case.is_ordered:
                made[place] = msgspec.structs.replace(made[place], histories=case.histories, is_ordered=True)
            return
        if case.runner != own.runner or case.colour is not own.colour:
            continue
        if {dotted(one.test) for one in case.failures} ^ failed and own.colour is Colour.RED:
            continue
        failures = [
            next((_fuller(one, more) for more in own.failures if dotted(more.test) == dotted(one.test)), one)
            for one in case.failures
        ]
        has_workers = "workers" in case.facts
        # The order of a file is that of all workers together, which says nothing of one.
        histories = case.histories or ([] if has_workers else own.histories)
        made[place] = Case(
            runner=case.runner,
            source=case.source,
            colour=case.colour,
            failures=failures,
            counts=case.counts,
            histories=histories,
            is_ordered=case.is_ordered,
            facts={**own.facts, **case.facts},
            notes=[*case.notes, *own.notes],
            durations=own.durations,
        )
        return
    made.append(msgspec.structs.replace(own, facts={**around, **own.facts}))


def _is_of_one_run(case: Case, own: Case) -> bool:
    """Whether a log and a file of another runner than pytest tell of the same failures."""
    if case.runner != own.runner or case.colour is not own.colour:
        return False
    return any(same(own.runner, one.test, other.test) for one in case.failures for other in own.failures)


def _fuller(one: CaseFailure, more: CaseFailure) -> CaseFailure:
    """The failure with the message that says more, where both are of one."""
    if not (one.symptom.is_cut or not one.symptom.message) or not alike(one.symptom, more.symptom):
        return one
    return CaseFailure(
        test=one.test,
        symptom=more.symptom,
        source=more.source,
        worker=one.worker,
        at=one.at,
        passed_later=one.passed_later,
    )


def _once(made: list[Case]) -> list[Case]:
    """Without those that another file tells as well: GitHub's zip has each log as a whole, and step by step."""
    kept: list[Case] = []
    for case in made:
        same = [
            one
            for one in kept
            if [(f.test, f.symptom) for f in one.failures] == [(f.test, f.symptom) for f in case.failures]
            and [h.tests for h in one.histories] == [h.tests for h in case.histories]
            and one.value("started") == case.value("started")
        ]
        if same:
            kept[kept.index(same[0])] = max(same[0], case, key=lambda one: len(one.facts))
        else:
            kept.append(case)
    return kept


def _counted(outcomes: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for outcome in outcomes:
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts


def _with_unknown(case: Case) -> Case:
    if case.runner != "pytest":
        return case
    unknown = [name for name in ASKED if name not in case.facts]
    if not case.histories:
        what = "what each worker ran, and in which order" if "workers" in case.facts else "the order of the tests"
        unknown.append(f"{what} (pytest -v tells)")
    case.unknown.extend(unknown)
    return case
