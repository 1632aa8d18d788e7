"""The tests that each trial passes over, told to people: which failed, how often, and what became of the rest."""

from collections.abc import Iterator, Sequence

from flakeproof.model import Answer, ItemOutcome
from flakeproof.reports.rates import bounds, confidence, highest
from flakeproof.results.summary import ItemSummary, Summary
from flakeproof.results.verdict import Verdict
from flakeproof.text import number, plural, rate, share, shortened

_SHOWN = 30
_ID_LENGTH = 160


def collected(items: Sequence[str]) -> str:
    """`Collected 11 tests in 2 files`, or the one that there is."""
    if len(items) == 1:
        return f"Collected {shortened(items[0], _ID_LENGTH)}"
    files = list(dict.fromkeys(item.partition("::")[0] for item in items))
    where = files[0] if len(files) == 1 else f"{number(len(files))} files"
    return f"Collected {number(len(items))} tests in {where}; each pass runs all of them"


def several(summary: Summary) -> bool:
    """Whether there is more than one test to tell apart."""
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
