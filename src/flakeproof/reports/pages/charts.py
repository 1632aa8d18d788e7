"""Charts for pages, as SVG that Vega-Lite has drawn when the page was written.

Vega-Lite runs here, in vl-convert, and not in the browser: the page needs no script, is readable without one and can
forbid all. Colours are names of the page's own (`var(--…)`), so that one drawing is right in light and dark. Each chart
is drawn for two widths, because letters of a drawing that is made smaller can no longer be read.
"""

import json
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import vl_convert
from lxml import etree
from markupsafe import Markup

_VERSION = "5.20"
_WIDTHS = {"wide": 760, "narrow": 320}
"""Pixels, by the class that the style shows at such a width."""
_TICKS = {"wide": 6, "narrow": 3}
_GAP = 0.4
_FARTHEST_LOW, _FARTHEST_HIGH = 1e-3, 1e3
_LETTERS = 95
"""Pixels for text, for each tick of the axis below it."""
_FONT = "system-ui, sans-serif"
_SVG = "{http://www.w3.org/2000/svg}"
_ELEMENTS = frozenset(_SVG + name for name in ("svg", "g", "path", "line", "rect", "text", "tspan", "defs", "clipPath"))
_LINKS = ("href", "src", "style")
Row = Mapping[str, Any]

_CONFIG: Mapping[str, Any] = {
    "font": _FONT,
    "aria": False,
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
        "labelOverlap": True,
    },
    "legend": {"labelColor": "var(--ink)", "labelFont": _FONT, "labelFontSize": 12, "title": None, "orient": "top"},
}


def rate_over_trials(rows: Sequence[Row], *, threshold: float | None = None, what: str = "tests") -> Markup:
    """A rate with its interval as it narrows; `rows` have `trials`, `rate`, `low` and `high`."""
    highest = max(row["high"] for row in rows[len(rows) // 3 :])
    top = min(1.0, max(highest, 1.2 * max(threshold or 0.0, rows[-1]["rate"])))
    y = {
        "type": "quantitative",
        "scale": {"domain": [0, top]},
        "axis": {"format": _percent_format(top), "title": "failure rate"},
    }

    def drawn(ticks: int) -> dict[str, Any]:
        x = _place("trials", what, ticks)
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
            layers.append(_rule("y", threshold, y))
        return {"height": 220, "data": {"values": list(rows)}, "layer": layers}

    return draw(drawn)


def failures_by_place(rows: Sequence[Row], *, trials: int, what: str = "test") -> Markup:
    """Where failures were, in the order of trials and by process; `rows` have `trial`, `process`, `count`, `kind`."""
    kinds = sorted({row["kind"] for row in rows}, key=lambda kind: (len(kind), kind))
    processes = len({row["process"] for row in rows})

    def drawn(ticks: int) -> dict[str, Any]:
        encoding = {
            "x": _place("trial", f"number of the {what}", ticks, [1, max(2, trials)]),
            "y": {"field": "process", "type": "ordinal", "axis": {"title": "process"}},
            "size": {"field": "count", "type": "quantitative", "legend": None, "scale": {"range": [24, 220]}},
            "color": {
                "field": "kind",
                "type": "nominal",
                "sort": kinds,
                "scale": {"domain": kinds, "range": [f"var(--kind{place % 6})" for place in range(len(kinds))]},
                "legend": {"columns": ticks} if len(kinds) > 1 else None,
            },
        }
        height = min(420, max(60, 22 * processes))
        mark = {"type": "circle", "opacity": 0.75}
        return {"height": height, "data": {"values": list(rows)}, "mark": mark, "encoding": encoding}

    return draw(drawn)


def durations(rows: Iterable[Row], unit: str) -> Markup:
    """How long passes and failures took; `rows` have `low` and `high` in that unit, `share`, and `outcome`."""
    kept = list(rows)

    def drawn(ticks: int) -> dict[str, Any]:
        x = {
            "field": "low",
            "type": "quantitative",
            "scale": {"type": "log", "nice": False},
            "axis": {"title": unit, "grid": False, "tickCount": ticks, "format": ".3~r"},
        }
        y = {
            "field": "share",
            "type": "quantitative",
            "axis": {"title": "share of its outcome", "format": "%"},
            "stack": None,
        }
        colours = {"domain": ["passed", "failed"], "range": ["var(--good)", "var(--bad)"]}
        encoding = {
            "x": x,
            "x2": {"field": "high"},
            "y": y,
            "y2": {"datum": 0},
            "color": {"field": "outcome", "type": "nominal", "scale": colours},
        }
        mark = {"type": "rect", "opacity": 0.55}
        return {"height": 180, "data": {"values": kept}, "mark": mark, "encoding": encoding}

    return draw(drawn)


def intervals(rows: Sequence[Row], *, what: str, ratio: bool = False) -> Markup:
    """Values with their intervals, one below the other under their names.

    `rows` have `name` (shown as it is), `value` (None where there is none), `low`, `high` (None without an upper end)
    and `tone`, the name of a colour; `apart`, if it is there, says that a group begins. They are rates, shown in
    percent, or with `ratio` ratios on a logarithmic scale with a line at 1.
    """
    ends = _ratio_ends(rows) if ratio else (0.0, min(1.0, 1.05 * max(row["high"] for row in rows)))
    places = [place + _GAP * sum(bool(row.get("apart")) for row in rows[: place + 1]) for place in range(len(rows))]
    kept = [
        {
            "label": place + 0.3,
            "bar": place + 0.72,
            "name": row["name"],
            "value": None if row["value"] is None else min(max(row["value"], ends[0]), ends[1]),
            "low": min(max(row["low"], ends[0]), ends[1]),
            "high": ends[1] if row["high"] is None else min(max(row["high"], ends[0]), ends[1]),
            "tone": f"var(--{row['tone']})",
        }
        for place, row in zip(places, rows, strict=True)
    ]
    scale = {"domain": list(ends), "nice": False, **({"type": "log"} if ratio else {})}
    look = {"color": {"field": "tone", "type": "nominal", "scale": None}}

    def y(field: str) -> dict[str, Any]:
        return {
            "field": field,
            "type": "quantitative",
            "axis": None,
            "scale": {"domain": [places[-1] + 1, 0], "nice": False},
        }

    def drawn(ticks: int) -> dict[str, Any]:
        ticked = {"values": _powers(ends[0], ends[1], ticks)} if ratio else {"tickCount": ticks}
        x = {
            "type": "quantitative",
            "scale": scale,
            "axis": {"title": what, "format": "~r" if ratio else _percent_format(ends[1]), **ticked},
        }
        text = {"type": "text", "align": "left", "baseline": "middle", "fontSize": 12, "color": "var(--ink)"}
        layers: list[Any] = [
            {
                "mark": {"type": "rule", "strokeWidth": 8, "opacity": 0.35, "strokeCap": "round"},
                "encoding": {"x": {"field": "low", **x}, "x2": {"field": "high"}, "y": y("bar"), **look},
            },
            {
                "transform": [{"filter": "datum.value !== null"}],
                "mark": {"type": "point", "filled": True, "size": 90, "opacity": 1},
                "encoding": {"x": {"field": "value", **x}, "y": y("bar"), **look},
            },
            {
                "mark": {**text, "limit": _LETTERS * ticks},
                "encoding": {"x": {"value": 0}, "y": y("label"), "text": {"field": "name"}},
            },
        ]
        if ratio:
            layers.append(_rule("x", 1.0, x))
        return {"height": round(46 * (places[-1] + 1)), "data": {"values": kept}, "layer": layers}

    return draw(drawn)


def evidence(rows: Sequence[Row], *, wanted: float, colours: Mapping[str, str], what: str) -> Markup:
    """How evidence has grown, on a logarithmic scale; `rows` have `at`, `evidence` and the `claim` it is for.

    The broken line is at the evidence `wanted`; `colours` has one for each claim, `what` is counted along the way.
    """
    top = 2 * max(wanted, *(row["evidence"] for row in rows))
    low = max(min(row["evidence"] for row in rows), 1 / wanted)
    kept = [{**row, "evidence": max(row["evidence"], low)} for row in rows]
    y = {
        "field": "evidence",
        "type": "quantitative",
        "scale": {"type": "log", "domain": [low, top], "nice": False},
        "axis": {"title": "odds for it", "format": "~g", "values": _powers(low, top, 8)},
    }
    scale = {"domain": list(colours), "range": [f"var(--{colour})" for colour in colours.values()]}

    def drawn(ticks: int) -> dict[str, Any]:
        columns = {} if ticks > _TICKS["narrow"] else {"columns": 1}
        legend = {
            "symbolType": "stroke",
            "symbolStrokeWidth": 3,
            "labelLimit": _LETTERS * ticks,
            "columnPadding": 24,
            **columns,
        }
        encoding = {
            "x": _place("at", what, ticks),
            "y": y,
            "color": {"field": "claim", "type": "nominal", "scale": scale, "legend": legend},
        }
        mark = {"type": "line", "strokeWidth": 2, "interpolate": "step-after"}
        return {
            "height": 220,
            "data": {"values": kept},
            "layer": [{"mark": mark, "encoding": encoding}, _rule("y", wanted, y)],
        }

    return draw(drawn)


def posterior(rows: Sequence[Row], *, commits: int) -> Markup:
    """How likely each part of a history is; `rows` have `first`, `last` (numbers of commits, from 1), `probability`."""
    top = max(row["probability"] for row in rows)
    kept = [{**row, "low": row["first"] - 0.45, "high": row["last"] + 0.45} for row in rows]

    def drawn(ticks: int) -> dict[str, Any]:
        encoding = {
            "x": _place("low", "commits, from good to bad", ticks, [0.5, commits + 0.5], whole=True),
            "x2": {"field": "high"},
            "y": {
                "field": "probability",
                "type": "quantitative",
                "scale": {"domain": [0, min(1.0, 1.1 * top)]},
                "axis": {"title": "probability", "format": _percent_format(top), "tickCount": 4},
            },
            "y2": {"datum": 0},
        }
        mark = {"type": "rect", "color": "var(--link)"}
        return {"height": 160, "data": {"values": kept}, "mark": mark, "encoding": encoding}

    return draw(drawn)


def conversation(rows: Sequence[Row], *, ends: tuple[str, str]) -> Markup:
    """What two `ends` sent each other, one below the other; `rows` have `at` (a text), `forth`, `label` and `tone`."""
    kept = [
        {
            "place": place,
            "at": row["at"],
            "start": 0 if row["forth"] else 1,
            "end": 1 if row["forth"] else 0,
            "label": row["label"],
            "tone": f"var(--{row['tone']})",
        }
        for place, row in enumerate(rows)
    ]
    look: dict[str, Any] = {"color": {"field": "tone", "type": "nominal", "scale": None}}
    names = "datum.value < 0.5 ? {} : {}".format(*(json.dumps(end) for end in ends))
    times = f"{json.dumps([row['at'] for row in kept])}[datum.value]"

    def drawn(ticks: int) -> dict[str, Any]:
        x: dict[str, Any] = {
            "type": "quantitative",
            "scale": {"domain": [-0.02, 1.02], "nice": False},
            "axis": {"values": [0, 1], "labelExpr": names, "orient": "top", "title": None, "labelFlush": True},
        }
        y = {
            "field": "place",
            "type": "quantitative",
            "scale": {"domain": [len(kept) - 0.4, -0.8], "nice": False},
            "axis": {
                "values": list(range(len(kept))),
                "labelExpr": times,
                "labelOverlap": False,
                "grid": False,
                "domain": False,
                "ticks": False,
                "title": None,
            },
        }
        arrow: dict[str, Any] = {"type": "point", "filled": True, "size": 60, "opacity": 1}
        arrows: list[Any] = [
            {
                "transform": [{"filter": f"datum.end === {end}"}],
                "mark": {**arrow, "shape": f"triangle-{side}", "xOffset": shift},
                "encoding": {"x": {"field": "end", **x}, "y": y, **look},
            }
            for end, side, shift in ((1, "right", -4), (0, "left", 4))
        ]
        layers: list[Any] = [
            {
                "mark": {"type": "rule", "strokeWidth": 1.5},
                "encoding": {"x": {"field": "start", **x}, "x2": {"field": "end"}, "y": y, **look},
            },
            *arrows,
            {
                "mark": {"type": "text", "dy": -7, "fontSize": 12, "color": "var(--ink)", "limit": _LETTERS * ticks},
                "encoding": {"x": {**x, "datum": 0.5}, "y": y, "text": {"field": "label"}},
            },
        ]
        return {"height": max(60, 26 * len(kept)), "data": {"values": kept}, "layer": layers}

    return draw(drawn)


def rates_by_commit(rows: Sequence[Row], *, commits: int) -> Markup:
    """What was seen at commits; `rows` have `commit` (a number from 0), `rate`, `low`, `high`, and `tone`."""
    top = min(1.0, 1.05 * max(row["high"] for row in rows))
    y = {
        "type": "quantitative",
        "scale": {"domain": [0, top]},
        "axis": {"title": "failure rate", "format": _percent_format(top)},
    }
    look = {"color": {"field": "tone", "type": "nominal", "scale": None}}
    kept = [{**row, "tone": f"var(--{row['tone']})"} for row in rows]

    def drawn(ticks: int) -> dict[str, Any]:
        x = _place("commit", "commits, from good to bad", ticks, [-0.5, commits + 0.5], whole=True)
        layers = [
            {
                "mark": {"type": "rule", "strokeWidth": 5, "opacity": 0.35},
                "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, **look},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 60, "opacity": 1},
                "encoding": {"x": x, "y": {"field": "rate", **y}, **look},
            },
        ]
        return {"height": 220, "data": {"values": kept}, "layer": layers}

    return draw(drawn)


def _place(
    field: str, title: str, ticks: int, domain: Sequence[float] | None = None, *, whole: bool = False
) -> dict[str, Any]:
    """An axis along which something went on."""
    axis = {"title": title, "grid": False, "tickCount": ticks, **({"tickMinStep": 1, "format": "d"} if whole else {})}
    scale = {} if domain is None else {"scale": {"domain": domain, "nice": False}}
    return {"field": field, "type": "quantitative", "axis": axis, **scale}


def _rule(channel: str, at: float, axis: Mapping[str, Any]) -> dict[str, Any]:
    """A broken line at a value."""
    return {
        "data": {"values": [{"limit": at}]},
        "mark": {"type": "rule", "color": "var(--ink)", "strokeDash": [6, 4]},
        "encoding": {channel: {**axis, "field": "limit"}},
    }


def _ratio_ends(rows: Sequence[Row]) -> tuple[float, float]:
    """The ends of an axis of ratios.

    Ends of intervals beyond a thousand, or a thousandth, are not told apart; values are, and so are lower ends.
    """
    kept = [[row[name] for row in rows if row[name] and row[name] < math.inf] for name in ("low", "value", "high")]
    lows, values, highs = kept
    lowest, highest = min(1.0, *values, *lows, *highs), max(1.0, *values, *lows, *highs)
    return (
        max(lowest / 1.5, min(_FARTHEST_LOW, *(value / 3 for value in (1.0, *values)))),
        min(highest * 1.5, max(_FARTHEST_HIGH, *(3 * value for value in (1.0, *values, *lows)))),
    )


def _powers(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from `low` to `high`, at most about so many, and 1 among them."""
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    step = max(1, -(-(last - first) // most))
    return [10.0**power for power in range(first, last + 1) if power % step == 0]


def _percent_format(top: float) -> str:
    """As many digits as tell the ticks of an axis up to `top` apart."""
    return f".{max(0, math.ceil(-math.log10(top * 100 / 4)))}%" if top > 0 else "%"


def draw(chart: Callable[[int], dict[str, Any]]) -> Markup:
    """The SVGs of a chart, which is made for a number of ticks; the style of the page shows the one that fits."""
    found = []
    for name, width in _WIDTHS.items():
        fit = {"type": "fit-x", "contains": "padding"}
        whole = {"width": width, "autosize": fit, "background": None, "config": _CONFIG, **chart(_TICKS[name])}
        found.append(_checked(vl_convert.vegalite_to_svg(whole, vl_version=_VERSION, allowed_base_urls=[]), name))
    return Markup("\n").join(found)


def _texts(element: etree._Element) -> Iterator[tuple[str, str]]:
    return ((str(name), str(value)) for name, value in element.attrib.items())


def _checked(svg: str, name: str) -> Markup:
    """An SVG of lines, shapes and text; should more be in it, it is refused. `name` is its class."""
    root = etree.fromstring(svg)
    number = f"{zlib.crc32(svg.encode()):08x}"
    for element in root.iter():
        names = [str(attribute).rpartition("}")[2].lower() for attribute in element.attrib]
        if element.tag not in _ELEMENTS or any(one in _LINKS or one.startswith("on") for one in names):
            raise ValueError("a chart has more in it than lines, shapes and text")
        for attribute, value in list(_texts(element)):  # one page has several drawings, with parts of the same names
            if attribute == "id":
                element.set(attribute, f"chart{number}-{value}")
            elif value.startswith("url(#"):
                element.set(attribute, value.replace("url(#", f"url(#chart{number}-", 1))
    # The page says what a chart shows, and a table has its numbers: for a reader of the screen it is a picture.
    for attribute, value in (("class", name), ("aria-hidden", "true"), ("focusable", "false")):
        root.set(attribute, value)
    etree.cleanup_namespaces(root)
    return Markup(etree.tostring(root, encoding="unicode"))
