"""A run as Markdown, for a pull request: the verdict, a table of tests, and each distinct failure."""

import html
import re
from collections.abc import Iterator, Sequence

from flakeproof.features.run import report, report_findings, report_items
from flakeproof.reports.details import explanation, place
from flakeproof.reports.foreign import code, cut, fit
from flakeproof.reports.rates import highest, rate_with_interval
from flakeproof.results.summary import ItemSummary, SignatureSummary, Summary
from flakeproof.results.verdict import Verdict
from flakeproof.text import duration, number, one_line, rate, share, shown_path, speed
from flakeproof.version import __version__

_LIMIT = 65_000
"""Bytes of a document; GitHub takes 65,536 characters in a comment."""
_ROWS = 60
_STABLE_ROWS = 20
"""Tests that passed every time are only listed one by one if there are not more of them."""
_NAME = 200
_NAMED = 10
_SIGHTINGS = 10
_EXAMPLE = 600
_EXPLAINED = 4_000
_MOST_KINDS = 50
_ORDER = {Verdict.BROKEN: 0, Verdict.FLAKY: 0, Verdict.INCONCLUSIVE: 1, Verdict.STABLE: 2}


def render(summary: Summary) -> bytes:
    """The document."""
    head = "\n".join(_head(summary))
    foot = "\n".join(_foot(summary))
    room = _LIMIT - len(f"{head}\n{foot}\n".encode()) - 200
    told: list[str] = []
    for found in summary.signatures[:_MOST_KINDS]:
        entry = "\n".join(_failure(found, summary))
        room -= len(entry.encode()) + 1
        if room < 0:
            break
        told.append(entry)
    if left := len(summary.signatures) - len(told):
        told.append(
            f"{number(left)} more kind{'s' if left != 1 else ''} of failure left out here: see the JSON report.\n"
        )
    if summary.sightings:
        told.append("\n".join(_sightings(summary)))
    if summary.unseen is not None:
        told.append(f"{report_findings.unseen(summary.unseen)}.\n")
    return "\n".join([head, *told, foot, ""]).encode()


def _head(summary: Summary) -> Iterator[str]:
    yield f"### flakeproof: {code(summary.target)} is {summary.verdict.value}"
    yield ""
    closing = report.closing(summary)
    if summary.finding is not None and summary.finding.item:
        closing = closing.replace(summary.finding.item, code(summary.finding.item))
    yield closing
    if report.cut_short(summary):
        planned = f" of {number(summary.planned)}" if summary.planned is not None else ""
        yield f"Not complete: {summary.stopped}, after {number(summary.total)}{planned} {report.units(summary)}."
    for line in report_items.load_failures(summary.loads):
        yield f"- {line.strip()}"
    yield ""
    yield from _table(summary)
    doubts = [
        *report_findings.copies(summary),
        *report_findings.fixed_once(summary),
        *report_findings.repetition(summary),
        *report_findings.dependence(summary),
    ]
    yield from (f"- {doubt}" for doubt in doubts)
    if doubts:
        yield ""


def _table(summary: Summary) -> Iterator[str]:
    tests = [(item.item, item) for item in sorted(summary.items, key=lambda item: (_ORDER[item.verdict], -item.failed))]
    rows: Sequence[tuple[str, Summary | ItemSummary]] = tests or [(summary.target, summary)]
    stable = [test for _, test in rows if test.verdict is Verdict.STABLE]
    if len(stable) > _STABLE_ROWS:
        rows = [(name, test) for name, test in rows if test.verdict is not Verdict.STABLE]
    if rows:
        yield "| test | verdict | failed | of | failure rate |"
        yield "|---|---|--:|--:|---|"
        for name, test in rows[:_ROWS]:
            decided = test.passed + test.failed
            rate = _rate(test, summary)
            verdict = test.verdict.value
            yield f"| {code(name)} | {verdict} | {number(test.failed)} | {number(decided)} | {rate} |"
        yield ""
    if len(rows) > _ROWS:
        yield f"{number(len(rows) - _ROWS)} more tests are in the JSON report."
        yield ""
    if len(stable) > _STABLE_ROWS:
        bound = "" if report_items.is_below(summary) else f" (a rate of {highest(test.interval for test in stable)})"
        yield f"{number(len(stable))} tests passed every time{bound}."
        yield ""


def _rate(test: Summary | ItemSummary, summary: Summary) -> str:
    """The rate with what the run has shown of it: that it is below the one in question, else the interval."""
    if test.rate is None or test.interval is None:
        return ""
    if report_items.is_below(summary) and summary.finding is not None:
        return f"{share(test.rate, exact_zero=not test.failed)} (below {rate(summary.finding.rate)})"
    return rate_with_interval(test.rate, test.interval)


def _failure(found: SignatureSummary, summary: Summary) -> Iterator[str]:
    example = found.example
    where = f"{code(example.item)}: " if example.item else ""
    # In <summary> is HTML, not Markdown.
    title = html.escape(one_line(fit(example.message), _NAME))
    yield f"<details><summary>{number(found.count)} × <code>{title}</code></summary>"
    yield ""
    at = ""
    if (at_place := place(example)) is not None:
        at = f", at {code(f'{shown_path(at_place[0])}:{at_place[1]}')}"
    yield f"{where}{'f' if where else 'F'}irst on {report.unit(summary)} {example.trial} (seed {example.seed}){at}."
    if others := [item for item in found.items if item != example.item]:
        yield ""
        yield f"So failed {', '.join(code(item) for item in others[:_NAMED])}{' …' if len(others) > _NAMED else ''}."
    yield ""
    told = cut(fit("\n".join(explanation(example)) or example.output or example.message), _EXPLAINED)
    yield from _block(told, "text")
    yield "Run it again:"
    yield ""
    yield from _block(f"flakeproof replay {report.run_name(summary)} {example.trial}", "bash")
    yield "</details>"
    yield ""


def _sightings(summary: Summary) -> Iterator[str]:
    """What the sanitizers have seen, as a list."""
    yield "Seen by the sanitizers:"
    yield ""
    for sighting in summary.sightings[:_SIGHTINGS]:
        where = f" at {code(report_findings.sighting_place(sighting))}" if sighting.place is not None else ""
        yield f"- {report_findings.sighting_headline(sighting)}{where}, {report_findings.sighting_company(sighting)}"
        for example in sighting.examples[:1]:
            yield f"  - {code(example.text, _EXAMPLE)}"
    yield ""


def _block(text: str, language: str) -> Iterator[str]:
    """A fenced block, whose fence is longer than any that is in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    yield fence + language
    yield text.rstrip("\n")
    yield fence
    yield ""


def _foot(summary: Summary) -> Iterator[str]:
    fast = (
        ""
        if summary.trials_per_second is None
        else f", {speed(summary.trials_per_second)} {report.units(summary)}/second"
    )
    yield (
        f"<sub>Run {summary.run_id}, seed {summary.seed}, {number(summary.total)} {report.units(summary)} in "
        f"{duration(summary.elapsed)}{fast}; flakeproof {__version__}</sub>"
    )
