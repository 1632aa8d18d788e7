"""Charts of a history, drawn as those of reports are."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from markupsafe import Markup

from flakeproof.features.dashboard.timeline import RateBin, RedBin
from flakeproof.features.history.job_facts import moment
from flakeproof.features.history.records import RankedTest
from flakeproof.reports.pages.charts import draw

_TIME = {"format": "%Y-%m-%d", "title": None, "grid": False, "tickCount": 6, "labelOverlap": True}
_HOURS = {**_TIME, "format": "%m-%d %H:%M"}
_TOP = 1.15
_MOST = 2.5
_KEPT = 500


def rate_over_time(bins: Sequence[RateBin], row: RankedTest, commits: dict[str, float]) -> Markup:
    """The rate of a test, with the interval of each stretch, where it changed and where the test was broken.

    `commits` tells when the first job of each was started.
    """
    start, end = bins[0].start, bins[-1].end
    highest = max(one.rate for one in bins)
    # Few runs have an interval up to 100%, which is cut off where it would leave no room for the rates.
    top = min(1.0, max(_TOP * highest, min(max(one.high for one in bins), _MOST * highest or 1.0)))
    y_axis = {"format": "~%", "title": "failure rate", "tickCount": 5}
    y = {"type": "quantitative", "scale": {"domain": [0, top], "nice": False}, "axis": y_axis}
    x = _time(start, end)
    rows = [
        {"start": _at(one.start), "end": _at(one.end), "rate": one.rate, "low": one.low, "high": one.high}
        for one in bins
    ]
    layers: list[Any] = []
    spans = [
        {"start": _at(moment(span.since) or start), "end": _at((moment(span.until) or end) + 1)} for span in row.broken
    ]
    if spans:
        layers.append(_rectangles(spans, x, "var(--warn)", 0.3))
    ranges = []
    for move in row.moves:
        before, last = commits.get(move.where.before), commits.get(move.where.last)
        if before is not None and last is not None:
            ranges.append({"start": _at(before), "end": _at(last)})
    if ranges:
        layers.append(_rectangles(ranges, x, "var(--link)", 0.15))
    layers += [
        {
            "data": {"values": rows},
            "mark": {"type": "rect", "color": "var(--band)", "clip": True},
            "encoding": {
                "x": {"field": "start", **x},
                "x2": {"field": "end"},
                "y": {"field": "low", **y},
                "y2": {"field": "high"},
            },
        },
        {
            "data": {"values": rows},
            "mark": {"type": "rule", "color": "var(--bad)", "strokeWidth": 2.5, "clip": True},
            "encoding": {"x": {"field": "start", **x}, "x2": {"field": "end"}, "y": {"field": "rate", **y}},
        },
    ]
    if row.moves:
        moves = [{"at": _at(moment(move.at) or start)} for move in row.moves]
        layers.append(
            {
                "data": {"values": moves},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [6, 4]},
                "encoding": {"x": {"field": "at", **x}},
            }
        )
    return _drawn_once({"height": 220, "layer": layers})


def red_jobs(bins: Sequence[RedBin]) -> Markup:
    """Which share of the jobs was red in each stretch of time, and because of whom."""
    rows: list[dict[str, Any]] = []
    for one in bins:
        at = {"start": _at(one.start), "end": _at(one.end)}
        known, both = one.by_known / one.jobs, (one.by_known + one.by_others) / one.jobs
        rows.append({**at, "low": 0.0, "high": known, "why": "flaky or broken"})
        rows.append({**at, "low": known, "high": both, "why": "others, too"})
    top = min(1.0, max(0.01, _TOP * max(row["high"] for row in rows)))
    encoding = {
        "x": {"field": "start", **_time(bins[0].start, bins[-1].end)},
        "x2": {"field": "end"},
        "y": {
            "field": "low",
            "type": "quantitative",
            "scale": {"domain": [0, top], "nice": False},
            "axis": {"format": "~%", "title": "red jobs", "tickCount": 5},
        },
        "y2": {"field": "high"},
        "color": {
            "field": "why",
            "legend": {"columnPadding": 24, "labelLimit": 300},
            "type": "nominal",
            "sort": None,
            "scale": {
                "domain": ["flaky or broken", "others, too"],
                "range": ["var(--bad)", "var(--kind5)"],
            },
        },
    }
    mark = {"type": "rect", "opacity": 0.8, "stroke": "var(--paper)", "strokeWidth": 1}
    return _drawn_once({"height": 170, "data": {"values": rows}, "mark": mark, "encoding": encoding})


def who_failed_when(jobs: Sequence[Sequence[int]], tests: int) -> Markup:
    """Which of the `tests`, numbered from 1, failed in which job; `jobs` are those in which one did, in their order."""
    rows = [{"job": place, "test": test} for place, failed in enumerate(jobs, 1) for test in failed]
    encoding = {
        "x": {
            "field": "job",
            "type": "quantitative",
            "scale": {"domain": [0.5, len(jobs) + 0.5], "nice": False},
            "axis": {"title": "job in which one of them failed", "grid": False, "tickCount": 6, "format": "d"},
        },
        "y": {
            "field": "test",
            "type": "ordinal",
            "scale": {"domain": list(range(1, tests + 1))},
            "axis": {"title": "test", "grid": True},
        },
    }
    mark = {"type": "circle", "color": "var(--bad)", "size": 40, "opacity": 0.8}
    return _drawn_once(
        {"height": min(480, max(60, 22 * tests)), "data": {"values": rows}, "mark": mark, "encoding": encoding}
    )


@lru_cache(maxsize=_KEPT)
def _svg(chart: bytes) -> Markup:
    """The chart that this is the JSON of: the same one is drawn once, which takes a twentieth of a second and more."""
    whole = msgspec.json.decode(chart)
    return draw(lambda _: whole)


def _drawn_once(chart: dict[str, Any]) -> Markup:
    return _svg(msgspec.json.encode(chart))


def _rectangles(rows: Sequence[dict[str, float]], x: dict[str, Any], color: str, opacity: float) -> dict[str, Any]:
    """Stretches of time, from the bottom to the top."""
    return {
        "data": {"values": rows},
        "mark": {"type": "rect", "color": color, "opacity": opacity, "clip": True},
        "encoding": {"x": {"field": "start", **x}, "x2": {"field": "end"}},
    }


def _at(seconds: float) -> float:
    """As Vega counts time."""
    return 1000.0 * seconds


def _time(start: float, end: float) -> dict[str, Any]:
    """An axis of time, UTC."""
    axis = _TIME if end - start > 3 * 86_400 else _HOURS
    return {"type": "temporal", "scale": {"type": "utc", "domain": [_at(start), _at(end)], "nice": False}, "axis": axis}
