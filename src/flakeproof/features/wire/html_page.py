"""What was on the wire, as a page for a browser."""

from collections.abc import Iterator
from typing import Any

from flakeproof.features.wire import report
from flakeproof.features.wire.diagram import FIRST_SHOWN, LAST_SHOWN, Arrow, arrows
from flakeproof.features.wire.report import Wire
from flakeproof.net.packets.words import Story
from flakeproof.reports.pages import charts
from flakeproof.reports.pages.page import findings_page
from flakeproof.reports.pages.parts import PageChart, PageFold, PageSection, PageTable, Part, listed
from flakeproof.text import number, plural

_DRAWN = 6
_OPEN = 2
"""Connections that are open when the page is."""
_NUMBERS = (0, 3, 4, 5, 6, 7)


def render(wire: Wire, target: str) -> bytes:
    """The page of `target`, which is a test or a capture."""
    order = sorted(range(len(wire.told)), key=lambda index: not wire.told[index].unusual)
    began = wire.connections[0].began if wire.connections else 0
    drawn: list[Part] = [
        _connection(wire, index, began, is_open=place < _OPEN) for place, index in enumerate(order[:_DRAWN])
    ]
    return findings_page(
        verdict="unusual" if wire.unusual else "nothing unusual",
        tone="bad" if wire.unusual else "good",
        closing=report.closing(wire),
        target=target,
        said="wire",
        facts=_facts(wire),
        sections=[
            PageSection("", _unusual(wire, order)),
            PageSection("Connections", _table(wire, began)),
            PageSection("Packet by packet", drawn),
            PageSection("What the network did", [listed(wire.network)] if wire.network else []),
        ],
        words="\n".join([*report.results(wire, draws=False), "", report.closing(wire)]),
        foot="In one run of it" if wire.outcome else "From a capture",
    )


def _facts(wire: Wire) -> Iterator[tuple[str, str]]:
    if wire.outcome:
        yield "test", wire.outcome
    yield "packets", number(len(wire.packets))
    yield "connections", number(len(wire.connections))
    if wire.dropped:
        yield "packets not seen, for want of room", number(wire.dropped)
    if wire.unreadable:
        yield "packets of which the capture holds too little", number(wire.unreadable)


def _unusual(wire: Wire, order: list[int]) -> list[Part]:
    lines = [f"#{index + 1}: {line}" for index in order for line in wire.told[index].unusual]
    return [listed(lines)] if lines else []


def _table(wire: Wire, began: int) -> list[Part]:
    heads, *rows = report.table(wire.connections, began)
    if not rows:
        return []
    left = len(wire.connections) - len(rows)
    more = f"and {plural(left, 'more connection')}" if left else ""
    return [PageTable("Connections", heads, rows, _NUMBERS, more)]


def _connection(wire: Wire, index: int, began: int, *, is_open: bool) -> PageFold:
    connection, story = wire.connections[index], wire.told[index]
    packets = arrows(connection, wire.packets)
    parts: list[Part] = [listed([*story.unusual, *story.usual])] if story.unusual or story.usual else []
    if packets:
        parts.append(_picture(story, packets, began))
    return PageFold(f"#{index + 1}", story.head, parts, is_open)


def _picture(story: Story, packets: list[Arrow], began: int) -> PageChart:
    shown, left = packets, len(packets) - FIRST_SHOWN - LAST_SHOWN
    if left > 1:
        shown = [*packets[:FIRST_SHOWN], *packets[-LAST_SHOWN:]]
    rows: list[dict[str, Any]] = [
        {
            "at": f"{(one.at - began) / 1e6:.3f} ms",
            "forth": one.from_client,
            "label": one.label,
            "tone": "bad" if "RST" in one.label or "(again)" in one.label else "link",
        }
        for one in shown
    ]
    if left > 1:
        middle = {"at": "", "forth": True, "label": f"{number(left)} more packets", "tone": "line"}
        rows.insert(FIRST_SHOWN, middle)
    table = [(row["at"], "client" if row["forth"] else "server", row["label"]) for row in rows]
    caption = f"Each packet from top to bottom, by the time since the first one of all connections. {story.head}."
    return PageChart(charts.conversation(rows, ends=("client", "server")), caption, ("when", "from", "what"), table)
