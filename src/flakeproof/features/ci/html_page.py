"""The reproduction of a CI job, as a page for a browser."""

from collections.abc import Iterator

import msgspec

from flakeproof.features.ci import report
from flakeproof.features.ci.case import FACTS, Case, Colour
from flakeproof.features.ci.records import CiReproduction, CiVerdict, Rung
from flakeproof.features.ci.symptoms import shown
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import (
    PageChart,
    PageCommand,
    PageFold,
    PageSection,
    PageTable,
    PageWords,
    Part,
    listed,
)
from flakeproof.reports.rates import bounds
from flakeproof.text import duration, number, plural

_UNKNOWN = (CiVerdict.NOT_REPRODUCED, CiVerdict.INTERRUPTED)
_TESTS = 500


def render(found: CiReproduction) -> bytes:
    """The page."""
    return findings_page(
        verdict=found.verdict.value,
        tone="warn" if found.verdict in _UNKNOWN else "bad",
        closing=report.closing(found).removeprefix(f"{found.verdict.value.capitalize()}: "),
        target=found.failure.test,
        said="ci",
        facts=_facts(found),
        sections=[
            PageSection("", _answer(found)),
            PageSection("What was tried", _rungs(found)),
            PageSection("What the job was", _job(found.case)),
            PageSection("Not as in CI", [listed(found.differences)] if found.differences else []),
            PageSection("Next", [PageCommand("", command) for command in found.next_commands]),
            PageSection("Notes", _notes(found)),
        ],
        words="\n".join([*report.results(found), "", report.closing(found)]),
        foot=plural(found.attempts, "attempt"),
    )


def render_case(case: Case) -> bytes:
    """The page of a job of which nothing is run again."""
    failures = [
        (one.test, "passed when it was tried again" if one.passed_later else "", shown(one.symptom), one.source)
        for one in case.failures
    ]
    table = PageTable("What failed", ("test", "and then", "message", "from"), failures)
    return findings_page(
        verdict=case.colour.value,
        tone={Colour.RED: "bad", Colour.GREEN: "good", Colour.UNKNOWN: "warn"}[case.colour],
        closing=report.conclusion_of(case),
        target=case.source,
        said="ci",
        facts=[(name, number(count)) for name, count in case.counts.items()],
        sections=[
            PageSection("What failed", [table] if failures else []),
            PageSection("What the job was", _job(case)),
            PageSection("Notes", [listed(case.notes)] if case.notes else []),
        ],
        words="\n".join([*report.described(case), "", report.conclusion_of(case)]),
        foot="Nothing was run",
    )


def _facts(found: CiReproduction) -> Iterator[tuple[str, str]]:
    yield "in CI", found.failure.symptom.message
    yield "from", found.failure.source
    yield "attempts", number(found.attempts)
    yield "time", duration(found.seconds)
    if found.first_failure is not None:
        yield "failed as in CI after", duration(found.first_failure)


def _answer(found: CiReproduction) -> list[Part]:
    parts: list[Part] = [listed(found.conditions)] if found.conditions else []
    if found.history:
        helps = found.history_helps
        parts.append(PageCommand("Passes with:" if helps else "Reproduce:", found.history_command))
        parts.append(PageWords(["Needs, in this order:" if helps else "Because of, in this order:"], is_quiet=True))
        parts.append(PageWords([*found.history, found.failure.test], is_list=True, is_ordered=True))
        if found.history_note:
            parts.append(PageWords([found.history_note], is_quiet=True))
    if found.command:
        is_second = found.history and not found.history_helps
        parts.append(PageCommand("With all that ran before:" if is_second else "Reproduce:", found.command))
    return parts


def _rungs(found: CiReproduction) -> list[Part]:
    named = list(found.rungs)
    if found.rate is not None and found.rate not in named:
        named.append(msgspec.structs.replace(found.rate, name="the command above"))
    drawn = [
        {
            "name": f"{bounds(rung.failed / rung.decided, rung.interval)}: {rung.name}",
            "value": rung.failed / rung.decided,
            "low": rung.interval.low,
            "high": rung.interval.high,
            "tone": "bad" if rung.failed else "kind1",
        }
        for rung in named
        if rung.interval is not None and rung.decided
    ]
    heads = ("how", "keeps", "as in CI", "otherwise", "no outcome", "attempts", "said")
    table = PageTable("What was tried", heads, [_row(rung) for rung in named], (2, 3, 4, 5))
    if not drawn:
        return [table]
    svg = charts.intervals(drawn, what="failure rate, as in CI")
    return [PageChart(svg, "How often it failed as in CI, with the 95% interval of its rate."), table]


def _row(rung: Rung) -> tuple[str, ...]:
    counts = (rung.failed, rung.otherwise, rung.no_outcome, rung.attempts)
    said = f"not tried: {rung.skipped}" if rung.skipped else "; ".join(rung.other_messages)
    return rung.name, rung.keeps, *(number(count) for count in counts), said


def _job(case: Case) -> list[Part]:
    rows = [(name, case.facts[name].value, case.facts[name].source) for name in FACTS if name in case.facts]
    parts: list[Part] = [PageTable("What the job was", ("what", "value", "from"), rows)] if rows else []
    for one in case.histories if case.is_ordered else []:
        said = f"{number(len(one.tests))} tests in this order ({one.first} to {one.last})"
        parts.append(PageFold(one.worker, said, [PageWords(one.tests[:_TESTS], is_list=True, is_ordered=True)]))
    if case.unknown:
        parts.append(PageWords([f"Unknown: {', '.join(case.unknown)}"], is_quiet=True))
    return parts


def _notes(found: CiReproduction) -> list[Part]:
    notes = [note for note in (*found.case.notes, *found.notes) if note not in found.differences]
    return [listed(notes)] if notes else []
