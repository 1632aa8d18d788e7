"""Processes that could not load the target, in words: while it happens and at the end."""

from collections.abc import Iterator

from flakeproof.events import LoadFailed
from flakeproof.reports.details import explanation
from flakeproof.reports.rates import rate_with_interval
from flakeproof.results.summary import LoadSummary
from flakeproof.text import number, one_line, percent

_ROWS = 12
"""Lines of a traceback that are shown; the last ones, which say what it was."""
_KINDS = 5


def as_it_happens(event: LoadFailed) -> tuple[str, list[str]]:
    """The line about it, and what is shown below it."""
    failure = event.failure
    rows = [*explanation(failure)] or failure.output.splitlines()
    if len(rows) > _ROWS:
        rows = ["…", *rows[-_ROWS:]]
    line = f"LOAD FAILURE in process {failure.process}: {one_line(failure.message, 300)}"
    return line, [f"    {row}" for row in rows]


def results(loads: LoadSummary | None) -> Iterator[str]:
    """Lines for the results; none where every process could load it."""
    if loads is None or not loads.failed:
        return
    yield f"Not loaded: {_count(loads)}: {rate_with_interval(loads.rate, loads.interval)}"
    for kind in loads.signatures[:_KINDS]:
        yield f"  {kind.count} × {one_line(kind.example.message, 200)}"
    if len(loads.signatures) > _KINDS:
        yield f"  and {number(len(loads.signatures) - _KINDS)} more kinds"


def share(loads: LoadSummary) -> str:
    """`1 of 2 processes (50.00%)`."""
    return f"{_count(loads)} ({percent(loads.failed, loads.loaded + loads.failed)})"


def _count(loads: LoadSummary) -> str:
    return f"{loads.failed} of {loads.loaded + loads.failed} processes"


def remark(loads: LoadSummary | None) -> str:
    """What the last line has to say of it; "" for nothing."""
    if loads is None or not loads.failed:
        return ""
    tolerated = ", which is tolerated" if loads.tolerated else ""
    example = one_line(loads.signatures[0].example.message, 120)
    return f"{share(loads)} could not load the target{tolerated}: {example}"
