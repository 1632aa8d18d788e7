"""The tests that each trial passes over, and the processes that could not load them, in words."""

from collections.abc import Iterator, Sequence

from flakeproof.events import LoadFailed
from flakeproof.model import Answer, ItemOutcome
from flakeproof.reports.details import explanation
from flakeproof.reports.rates import bounds, confidence, highest, rate_with_interval
from flakeproof.results.summary import ItemSummary, LoadSummary, Summary
from flakeproof.results.verdict import Verdict
from flakeproof.text import number, one_line, percent, plural, rate, share, shortened

_SHOWN = 30
_ID_LENGTH = 160


def collected(items: Sequence[str]) -> str:
    """`Collected 11 tests in 2 files`, or the one that there is."""
    if len(items) == 1:
        return f"Collected {shortened(items[0], _ID_LENGTH)}"
    if not all("::" in item and "." in item.partition("::")[0] for item in items):  # no file stands before it
        return f"{number(len(items))} tests in what the command has written; each pass runs all of them"
    files = list(dict.fromkeys(item.partition("::")[0] for item in items))
    where = files[0] if len(files) == 1 else f"{number(len(files))} files"
    return f"Collected {number(len(items))} tests in {where}; each pass runs all of them"


def several(summary: Summary) -> bool:
    """Whether the run has more than one test."""
    return len(summary.items) > 1


def table(summary: Summary) -> Iterator[str]:
    """Those that failed, with rate and interval, and a line or two about the others."""
    bound = summary.finding.rate if is_below(summary) and summary.finding is not None else None
    failed = sorted((item for item in summary.items if item.failed), key=lambda item: -item.failed)
    if failed:
        yield from _failed(failed, bound)
    yield from _others([item for item in summary.items if not item.failed], bound)


def is_below(summary: Summary) -> bool:
    """Whether the question of the run is answered: every rate is below the one asked about."""
    return summary.finding is not None and summary.finding.answer is Answer.BELOW


def _failed(items: list[ItemSummary], bound: float | None) -> Iterator[str]:
    intervals = [item.interval for item in items if item.interval is not None]
    sure = f" ({confidence(intervals[0])})" if intervals and bound is None else ""
    rows = [("failed", f"rate{sure}", "test")]
    rows += [
        (f"{item.failed}/{item.failed + item.passed}", _rate(item, bound), _name(item))
        for item in items[:_SHOWN]
        if item.interval is not None
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for failed, shown, name in rows:
        yield f"  {failed:>{widths[0]}}  {shown:<{widths[1]}}  {name}"
    if len(items) > _SHOWN:
        yield f"  and {plural(len(items) - _SHOWN, 'more test')} that failed: see --json"


def _rate(item: ItemSummary, bound: float | None) -> str:
    """Its rate with what is known of it: the `bound` that the run has shown, else the interval."""
    if bound is None:
        return bounds(item.rate or 0.0, item.interval)
    return f"{share(item.rate or 0.0)} (below {rate(bound)})"


def _name(item: ItemSummary) -> str:
    always = "  (always: broken)" if item.verdict is Verdict.BROKEN else ""
    return f"{shortened(item.item, _ID_LENGTH)}{always}"


def _others(items: list[ItemSummary], bound: float | None) -> Iterator[str]:
    passed = [item for item in items if item.passed]
    flipping = [item for item in passed if item.outcomes.get(ItemOutcome.SKIPPED)]
    if passed:
        known = f" (a rate of {highest(item.interval for item in passed)})" if bound is None else ""
        yield f"  {plural(len(passed), 'test')} never failed{known}"
    for item in flipping[:_SHOWN]:
        skips = item.outcomes[ItemOutcome.SKIPPED]
        yield f"  skipped {number(skips)} times of {number(skips + item.passed)}: {_name(item)}"
    unseen = [item for item in items if not item.passed]
    if not_run := sum(not item.outcomes for item in unseen):
        yield f"  {plural(not_run, 'test')} did not come to run"
    if skipped := len(unseen) - not_run:
        yield f"  {plural(skipped, 'test')} {'was' if skipped == 1 else 'were'} always skipped"


_ROWS = 12
"""Lines of a traceback that are shown; the last ones, which say what it was."""
_KINDS = 5


def load_failure(event: LoadFailed) -> tuple[str, list[str]]:
    """The line about it, and what is shown below it."""
    failure = event.failure
    rows = [*explanation(failure)] or failure.output.splitlines()
    if len(rows) > _ROWS:
        rows = ["…", *rows[-_ROWS:]]
    line = f"LOAD FAILURE in process {failure.process}: {one_line(failure.message, 300)}"
    return line, [f"    {row}" for row in rows]


def load_failures(loads: LoadSummary | None) -> Iterator[str]:
    """Lines for the results; none where every process could load it."""
    if loads is None or not loads.failed:
        return
    yield f"Not loaded: {_count(loads)}: {rate_with_interval(loads.rate, loads.interval)}"
    for kind in loads.signatures[:_KINDS]:
        yield f"  {kind.count} × {one_line(kind.example.message, 200)}"
    if len(loads.signatures) > _KINDS:
        yield f"  and {number(len(loads.signatures) - _KINDS)} more kinds"


def load_share(loads: LoadSummary) -> str:
    """`1 of 2 processes (50.00%)`."""
    return f"{_count(loads)} ({percent(loads.failed, loads.loaded + loads.failed)})"


def _count(loads: LoadSummary) -> str:
    return f"{loads.failed} of {loads.loaded + loads.failed} processes"


def load_remark(loads: LoadSummary | None) -> str:
    """What the last line has to say of it; "" for nothing."""
    if loads is None or not loads.failed:
        return ""
    tolerated = ", which is tolerated" if loads.tolerated else ""
    example = one_line(loads.signatures[0].example.message, 120)
    return f"{load_share(loads)} could not load the target{tolerated}: {example}"
