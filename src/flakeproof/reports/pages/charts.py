"""Charts for pages, as SVG that Vega-Lite has drawn when the page was written.

Vega-Lite runs here, in vl-convert, and not in the browser: the page needs no script, is readable without one and can
forbid all. Colours are names of the page's own (`var(--…)`), so that one drawing is right in light and dark.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import vl_convert
from markupsafe import Markup

_VERSION = "5.20"
_WIDTH = 640
_FONT = "system-ui, sans-serif"
_UNSAFE = re.compile(r"<\s*/?\s*(?:script|foreignObject|style|image|a)\b|\bon\w+\s*=|javascript:", re.I)
Row = Mapping[str, Any]

_CONFIG: Mapping[str, Any] = {
    "font": _FONT,
    "view": {"stroke": None},
    "axis": {
        "labelColor": "var(--quiet)",
        "titleColor": "var(--quiet)",
        "gridColor": "var(--line)",
        "domainColor": "var(--line)",
        "tickColor": "var(--line)",
        "labelFont": _FONT,
        "titleFont": _FONT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {"labelColor": "var(--ink)", "labelFont": _FONT, "labelFontSize": 12, "title": None, "orient": "top"},
}


def rate_over_trials(rows: Sequence[Row], *, threshold: float | None = None, what: str = "tests") -> Markup:
    """A rate with its interval as it narrows; `rows` have `trials`, `rate`, `low` and `high`."""
    highest = max(row["high"] for row in rows[len(rows) // 3 :])
    top = min(1.0, max(highest, 1.2 * max(threshold or 0.0, rows[-1]["rate"])))
    axis = {"format": _percent_format(top), "title": "failure rate"}
    x = {"field": "trials", "type": "quantitative", "axis": {"title": what, "grid": False, "tickCount": 6}}
    y = {"type": "quantitative", "scale": {"domain": [0, top]}, "axis": axis}
    layers: list[Any] = [
        {
            "mark": {"type": "area", "color": "var(--band)", "clip": True},
            "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}},
        },
        {
            "mark": {"type": "line", "color": "var(--bad)", "strokeWidth": 2, "clip": True},
            "encoding": {"x": x, "y": {"field": "rate", **y}},
        },
    ]
    if threshold is not None:
        layers.append(
            {
                "data": {"values": [{"limit": threshold}]},
                "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [6, 4]},
                "encoding": {"y": {"field": "limit", **y}},
            }
        )
    return drawn({"height": 220, "data": {"values": list(rows)}, "layer": layers})


def failures_by_place(rows: Sequence[Row], *, trials: int, what: str = "test") -> Markup:
    """Where failures were, in the order of trials and by process; `rows` have `trial`, `process`, `count`, `kind`."""
    kinds = sorted({row["kind"] for row in rows}, key=lambda kind: (len(kind), kind))
    processes = len({row["process"] for row in rows})
    x = {
        "field": "trial",
        "type": "quantitative",
        "scale": {"domain": [1, max(2, trials)], "nice": False},
        "axis": {"title": f"number of the {what}", "grid": False, "tickCount": 6},
    }
    encoding = {
        "x": x,
        "y": {"field": "process", "type": "ordinal", "axis": {"title": "process"}},
        "size": {"field": "count", "type": "quantitative", "legend": None, "scale": {"range": [24, 220]}},
        "color": {
            "field": "kind",
            "type": "nominal",
            "sort": kinds,
            "scale": {"domain": kinds, "range": [f"var(--kind{place % 6})" for place in range(len(kinds))]},
            "legend": {} if len(kinds) > 1 else None,
        },
    }
    height = min(420, max(60, 22 * processes))
    mark = {"type": "circle", "opacity": 0.75}
    return drawn({"height": height, "data": {"values": list(rows)}, "mark": mark, "encoding": encoding})


def durations(rows: Iterable[Row], unit: str) -> Markup:
    """How long passes and failures took; `rows` have `low` and `high` in that unit, `share`, and `outcome`."""
    encoding = {
        "x": {
            "field": "low",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False},
            "axis": {"title": unit, "grid": False, "tickCount": 6, "format": ".3~r"},
        },
        "x2": {"field": "high"},
        "y": {
            "field": "share",
            "type": "quantitative",
            "axis": {"title": "share of its outcome", "format": "%"},
            "stack": None,
        },
        "y2": {"datum": 0},
        "color": {
            "field": "outcome",
            "type": "nominal",
            "scale": {"domain": ["passed", "failed"], "range": ["var(--good)", "var(--bad)"]},
        },
    }
    mark = {"type": "rect", "opacity": 0.55}
    return drawn({"height": 180, "data": {"values": list(rows)}, "mark": mark, "encoding": encoding})


def _percent_format(top: float) -> str:
    """As many digits as tell the ticks of an axis up to `top` apart."""
    return f".{max(0, math.ceil(-math.log10(top * 100 / 4)))}%" if top > 0 else "%"


def drawn(chart: dict[str, Any]) -> Markup:
    """The SVG of a chart. What is in it is numbers and names of ours; should more get in, it is refused."""
    whole = {"width": _WIDTH, "background": None, "config": _CONFIG, **chart}
    found = str(vl_convert.vegalite_to_svg(whole, vl_version=_VERSION, allowed_base_urls=[]))
    if _UNSAFE.search(found):
        raise ValueError("a chart has more in it than lines, shapes and text")
    # The page says what a chart shows, and a table has its numbers: for a reader of the screen it is a picture.
    return Markup(found.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))
