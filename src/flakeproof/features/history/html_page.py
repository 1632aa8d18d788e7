"""What a history tells, as a page for a browser."""

from collections import Counter
from collections.abc import Iterator, Mapping

from flakeproof.features.history import report
from flakeproof.features.history.records import ClusterOfTests, HistoryReport, HistoryVerdict, RankedTest
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
from flakeproof.text import number, one_line, plural, whole_duration

_CHARTED = 20
_LISTED = 200
_TOLD = 50
_OPEN = 2
"""Tests that are open when the page is."""
_NAME = 60
_TESTS = 20
_TONES = {HistoryVerdict.FLAKY: "bad", HistoryVerdict.BROKEN: "bad", HistoryVerdict.WAS_BROKEN: "good"}


def render(found: HistoryReport, asked: str) -> bytes:
    """The page; `asked` names the tests that were asked for, or is empty for all."""
    is_bad = any(row.verdict in report.NOW for row in found.rows)
    # Those that matter now stand first; the rest keeps the order of the ranking.
    rows = sorted(found.rows, key=lambda row: row.verdict not in report.NOW)
    return findings_page(
        verdict=_verdict(rows),
        tone="bad" if is_bad else "good",
        closing=report.closing(found),
        target=asked or found.place,
        said="history",
        facts=_facts(found),
        sections=[
            PageSection("How often they fail", _rates(rows)),
            PageSection("Tests", _table(rows)),
            PageSection("One by one", _each(rows)),
            PageSection("Fail together", [_cluster(one) for one in found.clusters[:_TOLD]]),
            PageSection("The same message in several tests", _signatures(found)),
            PageSection("Bad days, which count for no rate", _bad_days(found)),
            PageSection("Notes", [listed(found.notes)] if found.notes else []),
        ],
        words="\n".join([*report.results(found, _TOLD, verbose=bool(asked)), "", report.closing(found)]),
        foot=f"From {found.place}",
    )


def _verdict(rows: list[RankedTest]) -> str:
    there = {row.verdict for row in rows}
    return " and ".join(verdict for verdict in report.NOW if verdict in there) or "nothing flaky or broken"


def _facts(found: HistoryReport) -> Iterator[tuple[str, str]]:
    if found.jobs:
        yield "jobs", number(found.jobs)
    if found.runs:
        yield "runs of flakeproof", number(found.runs)
    yield "results", number(found.results)
    yield "tests", number(found.tests)
    if found.commits:
        yield "commits", number(found.commits)
    yield "from", f"{found.since[:10]} to {found.until[:10]}"
    for name, value in found.filters.items():
        yield f"only {name}", value


def _rates(rows: list[RankedTest]) -> list[Part]:
    drawn = [row for row in rows if row.verdict in report.NOW and row.failures][:_CHARTED]
    if not drawn:
        return []
    ends = Counter(_end_of(row.test) for row in drawn)
    names = [end if ends[end := _end_of(row.test)] == 1 else row.test for row in drawn]
    bars = [
        {
            "name": f"{bounds(row.rate, row.interval)}: {one_line(name, _NAME)}",
            "value": row.rate,
            "low": row.interval.low,
            "high": row.interval.high,
            "tone": "bad",
        }
        for row, name in zip(drawn, names, strict=True)
    ]
    confidence = f"{100 * drawn[0].interval.confidence:g}%"
    caption = f"The failure rate that is expected of each, by what is known of all, with its {confidence} interval."
    numbers = [(row.test, bounds(row.rate, row.interval), _seen(row)) for row in drawn]
    svg = charts.intervals(bars, what="failure rate")
    return [PageChart(svg, caption, ("test", "rate", "failed"), numbers)]


def _end_of(test: str) -> str:
    return test.rpartition("::")[2] or test


def _seen(row: RankedTest) -> str:
    return f"{number(row.failures)} of {number(row.runs)} {'jobs' if row.source == 'jobs' else 'runs'}"


def _table(rows: list[RankedTest]) -> list[Part]:
    cells = [
        (
            row.test,
            (str(row.verdict), _TONES.get(row.verdict, "warn")),
            _seen(row),
            bounds(row.rate, row.interval) if row.failures else "",
            whole_duration(row.cost) if row.cost >= 1 else "",
            row.last_failure[:10],
        )
        for row in rows[:_LISTED]
    ]
    more = f"and {plural(len(rows) - _LISTED, 'more test')}: see --json" if len(rows) > _LISTED else ""
    heads = ("test", "is", "failed", "rate", "red jobs because of it", "failed last")
    return [PageTable("Tests", heads, cells, (4, 5), more)] if cells else []


def _each(rows: list[RankedTest]) -> list[Part]:
    return [_told(row, is_open=place < _OPEN) for place, row in enumerate(rows[:_TOLD])]


def _told(row: RankedTest, *, is_open: bool) -> PageFold:
    lines = [report.span_in_words(span) for span in row.broken]
    if row.failures or not lines:
        said = f"{row.verdict!s}: failed {_seen(row)}{' otherwise' if row.broken else ''}"
    else:
        said = lines.pop()
    lines += [report.move_in_words(move) for move in row.moves]
    if row.same_commit or row.passed_on_retry:
        lines.append(report.retries_in_words(row))
    if row.own_runs:
        lines.append(f"in runs of flakeproof: {number(row.own_failures)} of {number(row.own_runs)}")
    parts: list[Part] = [listed(lines)] if lines else []
    if row.signatures:
        parts.append(_counted(row.signatures))
    if row.next:
        parts.append(PageCommand("Next:", row.next))
    return PageFold(row.test, said, parts, is_open)


def _counted(signatures: Mapping[str, int]) -> PageTable:
    rows = [(text, number(count)) for text, count in list(signatures.items())[:_TESTS]]
    return PageTable("How it fails", ("message", "times"), rows, (1,))


def _cluster(one: ClusterOfTests) -> PageFold:
    parts: list[Part] = [listed(one.tests, _TESTS)]
    if one.shared:
        parts.append(PageWords([f"common: {text}" for text in one.shared], is_quiet=True))
    said = f"in {number(one.jobs)} of the {number(one.any_jobs)} jobs in which one of them failed"
    return PageFold(plural(len(one.tests), "test"), said, parts)


def _signatures(found: HistoryReport) -> list[Part]:
    rows = [
        (one.signature, number(one.failures), number(len(one.tests)), report.named(one.tests, 3))
        for one in found.signatures[:_TOLD]
    ]
    left = len(found.signatures) - _TOLD
    more = f"and {plural(left, 'more message')}: see --json" if left > 0 else ""
    return [PageTable("Messages", ("message", "failures", "tests", "in"), rows, (1, 2), more)] if rows else []


def _bad_days(found: HistoryReport) -> list[Part]:
    rows = [
        (day.day, day.job, day.machine, number(day.jobs), number(day.failures), f"{day.expected:.1f}")
        for day in found.bad_days[:_TOLD]
    ]
    heads = ("day", "job", "machine", "jobs", "tests that fail nowhere else", "expected")
    return [PageTable("Bad days", heads, rows, (3, 4, 5))] if rows else []
