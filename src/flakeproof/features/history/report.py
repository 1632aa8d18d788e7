"""A history in words: a row for each test that is flaky or broken, and what they have in common."""

from collections.abc import Iterator, Sequence

from flakeproof.features.history.records import (
    BadDay,
    BrokenSpan,
    CommitRange,
    HistoryReport,
    HistoryVerdict,
    RankedTest,
    RateMove,
)
from flakeproof.reports.rates import bounds
from flakeproof.text import number, one_line, percent, plural, shortened, upper, whole_duration

_NAME = 160
_SHOWN = 5
_COMMIT = 12
NOW = (HistoryVerdict.FLAKY, HistoryVerdict.BROKEN)
"""What a test is that somebody has to take on."""


def results(report: HistoryReport, top: int, *, verbose: bool = False) -> Iterator[str]:
    """The results block."""
    yield "=== History ==="
    yield _head(report)
    for name, value in report.filters.items():
        yield f"Only: {name} {value}"
    rows = [row for row in report.rows if row.verdict in NOW or verbose]
    for row in rows[:top]:
        yield ""
        yield from _row(row, verbose=verbose)
    if len(rows) > top:
        yield ""
        yield f"and {plural(len(rows) - top, 'more test')}: --top {len(rows)}"
    yield ""
    yield from _others(report, verbose=verbose)
    yield from _together(report, _SHOWN if not verbose else len(report.clusters))
    yield from _signatures(report, _SHOWN if not verbose else len(report.signatures))
    yield from _bad_days(report.bad_days, _SHOWN if not verbose else len(report.bad_days))
    for note in report.notes:
        yield f"Note: {note}"


def closing(report: HistoryReport) -> str:
    """One sentence."""
    flaky = [row for row in report.rows if row.verdict is HistoryVerdict.FLAKY]
    broken = [row for row in report.rows if row.verdict is HistoryVerdict.BROKEN]
    if not flaky and not broken:
        return f"No test is known to be flaky or broken, of {number(report.tests)}"
    cost = sum(row.cost for row in flaky)
    spent = f", which cost {whole_duration(cost)} of red jobs" if cost else ""
    parts = [f"{plural(len(flaky), 'flaky test')}{spent}"] if flaky else []
    if broken:
        parts.append(plural(len(broken), "broken test"))
    return f"{' and '.join(parts)}, of {number(report.tests)}"


def _head(report: HistoryReport) -> str:
    parts = [plural(report.jobs, "job")] if report.jobs else []
    if report.runs:
        parts.append(f"{plural(report.runs, 'run')} of flakeproof")
    commits = f" at {plural(report.commits, 'commit')}" if report.commits else ""
    when = (
        report.since[:10] if report.since[:10] == report.until[:10] else f"{report.since[:10]} to {report.until[:10]}"
    )
    return f"{' and '.join(parts)}{commits}, {when}: {number(report.results)} results of {plural(report.tests, 'test')}"


def _row(row: RankedTest, *, verbose: bool) -> Iterator[str]:
    yield f"{one_line(row.test, _NAME)}"
    unit = "jobs" if row.source == "jobs" else "runs"
    if row.failures:
        confidence = f"{100 * row.interval.confidence:g}% interval"
        seen = f"failed {number(row.failures)} of {number(row.runs)} {unit}"
        what = row.verdict if row.verdict is not HistoryVerdict.WAS_BROKEN else "otherwise"
        yield f"  {what}: {seen}, {_rate(row)} ({confidence})"
    for span in row.broken if row.verdict is not HistoryVerdict.FLAKY or verbose else row.broken[-1:]:
        yield f"  {span_in_words(span)}"
    if row.same_commit or row.passed_on_retry:
        yield f"  {retries_in_words(row)}"
    for move in row.moves[-1:] if not verbose else row.moves:
        yield f"  {move_in_words(move)}"
    if row.cost >= 1:
        yield f"  cost {whole_duration(row.cost)} of red jobs; failed last on {row.last_failure[:10]}"
    else:
        yield f"  failed last on {row.last_failure[:10]}"
    if row.own_runs:
        yield f"  in runs of flakeproof: {number(row.own_failures)} of {number(row.own_runs)}"
    for text, times in list(row.signatures.items())[: 2 if not verbose else None]:
        yield f"  {number(times)} × {one_line(text, _NAME)}"
    if verbose:
        yield f"  probability that `{row.verdict!s}` is wrong: {upper(max(row.error, 1e-4))} at most"
    yield f"  Next: {row.next}"


def _rate(row: RankedTest) -> str:
    return bounds(row.rate, row.interval)


def retries_in_words(row: RankedTest) -> str:
    """How often a test failed and passed of the same code."""
    retried = f", passed on retry {plural(row.passed_on_retry, 'time')}" if row.passed_on_retry else ""
    return f"failed and passed at {plural(row.same_commit, 'same commit', 'same commits')}{retried}"


def span_in_words(span: BrokenSpan) -> str:
    """When a test was broken."""
    state = "" if span.is_over else ", still is"
    told = f"{span.failures} of {plural(span.runs, 'run')}, {_commits(span.first, span.last)}"
    return f"{'was broken' if span.is_over else 'broken'}: {told}, since {span.since[:10]}{state}"


def move_in_words(move: RateMove) -> str:
    """How a rate changed, and with which commit."""
    before = percent(move.failures_before, move.runs_before)
    after = percent(move.failures_after, move.runs_after)
    word = "rose" if move.failures_after * move.runs_before > move.failures_before * move.runs_after else "fell"
    return f"{word} from {before} to {after} around {move.at[:10]}, {_range(move.where)}"


def _range(where: CommitRange) -> str:
    if not where.first:
        return f"within {plural(where.commits, 'job')}"
    if where.commits == 1:
        return f"with commit {where.first[:_COMMIT]}"
    return (
        f"likeliest with commit {where.first[:_COMMIT]}, one of {where.commits} after "
        f"{where.before[:_COMMIT] or 'the first'} up to {where.last[:_COMMIT]}"
    )


def _commits(first: str, last: str) -> str:
    if not first and not last:
        return "commits not known"
    return f"at commit {first[:_COMMIT]}" if first == last else f"commits {first[:_COMMIT]} to {last[:_COMMIT]}"


def _others(report: HistoryReport, *, verbose: bool) -> Iterator[str]:
    for verdict, words in (
        (HistoryVerdict.WAS_BROKEN, "failed every time from one commit to another, and no longer"),
        (HistoryVerdict.UNCLEAR, "failed too rarely to be called flaky"),
    ):
        found = [row for row in report.rows if row.verdict is verdict]
        if found and not verbose:
            yield f"{plural(len(found), 'test')} {words}: {named([row.test for row in found], 2)} (--verbose)"


def named(names: Sequence[str], most: int) -> str:
    """The first of some names, and how many more there are."""
    shown = ", ".join(shortened(one_line(name), _NAME) for name in names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _together(report: HistoryReport, most: int) -> Iterator[str]:
    for cluster in report.clusters[:most]:
        yield (
            f"Fail together: {plural(len(cluster.tests), 'test')}, in {cluster.jobs} of the {cluster.any_jobs} jobs in "
            f"which one of them failed{''.join(f'; common: {one_line(text, _NAME)}' for text in cluster.shared)}"
        )
        for test in cluster.tests[: most + 1]:
            yield f"  {one_line(test, _NAME)}"
        if len(cluster.tests) > most + 1:
            yield f"  and {len(cluster.tests) - most - 1} more"
    if len(report.clusters) > most:
        yield f"and {plural(len(report.clusters) - most, 'more cluster')} (--verbose)"


def _signatures(report: HistoryReport, most: int) -> Iterator[str]:
    for one in report.signatures[:most]:
        yield (
            f"Same message in {plural(len(one.tests), 'test')}: {one_line(one.signature, _NAME)} "
            f"({number(one.failures)} ×): {named(one.tests, 3)}"
        )


def _bad_days(days: Sequence[BadDay], most: int) -> Iterator[str]:
    for day in days[:most]:
        where = " on ".join(filter(None, (day.job and f"job {day.job}", day.machine)))
        yield (
            f"Bad day, left out: {day.day}{f', {where}' if where else ''}: {day.failures} tests failed that fail "
            f"nowhere else, {day.expected:.1f} expected, in {plural(day.jobs, 'job')}"
        )
    if len(days) > most:
        yield f"and {plural(len(days) - most, 'more bad day')} (--verbose)"
