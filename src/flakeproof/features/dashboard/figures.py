"""Charts of a history as a page shows them: with a title, a caption, and their numbers as a table."""

from collections.abc import Sequence
from typing import Any

from flakeproof.features.dashboard import charts
from flakeproof.features.dashboard.links import moment_shown
from flakeproof.features.dashboard.lists import Shown
from flakeproof.features.dashboard.snapshot import HistorySnapshot
from flakeproof.features.dashboard.timeline import rate_bins, red_bins
from flakeproof.features.history.ranking import JOBS, RUNS
from flakeproof.features.history.records import RankedTest
from flakeproof.text import lower, number, percent, upper


def rate_figure(history: HistorySnapshot, row: RankedTest) -> Shown | None:
    """The rate of a test along the time; None where there is too little to draw."""
    bins = rate_bins(history, row)
    if len(bins) < 2:
        return None
    source = JOBS if row.source == "jobs" else RUNS
    svg = charts.rate_over_time(bins, row, history.started_of_commits(source))
    moved = (
        " The broken line is where it changed, likeliest; around it the commits it can have come with."
        if row.moves
        else ""
    )
    broken = " Shaded to the full height: when it was broken, which counts for no rate." if row.broken else ""
    return figure(
        "Failure rate over time",
        svg,
        f"Each stretch of time by itself: the rate seen in it, and its 95% interval.{moved}{broken}",
        ("from", "failed", "rate", "95% interval"),
        [
            (
                moment_shown(one.start),
                f"{number(one.failures)} of {number(one.runs)}",
                percent(one.failures, one.runs),
                f"{lower(one.low)} to {upper(one.high)}",
            )
            for one in bins
        ],
    )


def red_figure(history: HistorySnapshot) -> Shown | None:
    """Red jobs along the time; likewise."""
    bins = red_bins(history)
    if len(bins) < 2:
        return None
    return figure(
        "Red jobs over time",
        charts.red_jobs(bins),
        "The share of jobs that were red: only because of tests that are flaky or broken now, or of others, too.",
        ("from", "jobs", "red because of them alone", "red because of others, too"),
        [
            (
                moment_shown(one.start),
                number(one.jobs),
                f"{number(one.by_known)} ({percent(one.by_known, one.jobs)})",
                f"{number(one.by_others)} ({percent(one.by_others, one.jobs)})",
            )
            for one in bins
        ],
    )


def figure(title: str, svg: Any, caption: str, heads: Sequence[str] = (), rows: Sequence[Any] = ()) -> Shown:
    """A chart with its caption, and its numbers as a table."""
    return {"title": title, "svg": svg, "caption": caption, "heads": heads, "rows": rows}
