"""The connections of a run or of a capture, as lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flakeproof.features.wire.diagram import arrows, drawn
from flakeproof.net.packets import Connection, How, Packet, Tracker
from flakeproof.net.packets.words import Story, duration, stories
from flakeproof.text import number, plural

_IN_TABLE, _DRAWN = 50, 6
"""Connections that are shown."""


@dataclass(frozen=True)
class FaultsSeen:
    """What a network with faults has done."""

    resets: list[tuple[str, str]]
    """The ends between which it has sent RST itself."""
    lines: list[str]
    """All of it, in words."""


_NO_FAULTS = FaultsSeen([], [])


@dataclass(frozen=True)
class Wire:
    """What was on the wire."""

    outcome: str
    """How the test ended, in words; empty for a capture."""
    packets: list[Packet]
    connections: list[Connection]
    told: list[Story]
    dropped: int
    """Packets that were lost before they were seen."""
    unreadable: int
    """Packets of which the capture holds too little to tell their connection."""
    network: list[str]
    """What a network with faults has done, in words."""

    @property
    def unusual(self) -> int:
        """Connections with something unusual."""
        return sum(1 for story in self.told if story.unusual)


def wire_of(
    packets: list[Packet],
    *,
    outcome: str = "",
    dropped: int = 0,
    over_unread: int | None = None,
    faults: FaultsSeen = _NO_FAULTS,
) -> Wire:
    """Follow the connections among `packets`. Raises ValueError for a link type that is not known."""
    tracker = Tracker()
    tracker.feed_all(packets)
    told = stories(tracker.connections, None if dropped else over_unread, faults.resets)
    return Wire(outcome, packets, tracker.connections, told, dropped, tracker.reader.cut_off, faults.lines)


def results(wire: Wire, *, draws: bool = True) -> Iterator[str]:
    """All lines but the closing one; unless it `draws`, without the packets of connections."""
    yield "=== Wire ==="
    if wire.outcome:
        yield f"Test: {wire.outcome}"
    yield f"Packets: {number(len(wire.packets))}, in {plural(len(wire.connections), 'connection')}"
    if wire.dropped:
        yield f"Not seen: {plural(wire.dropped, 'packet')} found no room: what follows may lack things"
    if wire.unreadable:
        yield f"Not read: {plural(wire.unreadable, 'packet')} of which the capture holds too little"
    yield from wire.network
    if not wire.connections:
        return
    began = wire.connections[0].began
    yield ""
    yield from _lines(wire.connections, began)
    # What is unusual first: that is what one looks for.
    order = sorted(range(len(wire.told)), key=lambda index: not wire.told[index].unusual)
    for index in order[:_DRAWN]:
        connection, story = wire.connections[index], wire.told[index]
        yield ""
        yield f"CONNECTION #{index + 1}: {story.head}"
        yield from (f"    unusual: {line}" for line in story.unusual)
        yield from (f"    {line}" for line in story.usual)
        if draws:
            yield from drawn(connection, arrows(connection, wire.packets), began)
    if len(order) > _DRAWN:
        yield ""
        yield f"and {plural(len(order) - _DRAWN, 'more connection')}"


def table(connections: Sequence[Connection], began: int) -> list[tuple[str, ...]]:
    """The heads, and a row for each of the first connections; `began` is when the first one did (nanoseconds)."""
    rows: list[tuple[str, ...]] = [
        ("#", "client", "server", "opened", "there", "back", "round trip", "again", "first to close")
    ]
    for index, one in enumerate(connections[:_IN_TABLE], 1):
        trips, again = one.client.round_trips, one.client.sent_again + one.server.sent_again
        rows.append(
            (
                str(index),
                str(one.client),
                str(one.server),
                f"{(one.began - began) / 1e6:.3f} ms",
                number(one.client.bytes_sent),
                number(one.server.bytes_sent),
                duration(round(trips.smoothed)) if trips.count else "-",
                number(again) if again else "-",
                _closed(one),
            )
        )
    return rows


def _lines(connections: Sequence[Connection], began: int) -> Iterator[str]:
    rows = table(connections, began)
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for row in rows:
        cells = [
            cell.ljust(width) if place in (1, 2, 8) else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
    if len(connections) > _IN_TABLE:
        yield f"and {plural(len(connections) - _IN_TABLE, 'more connection')}"


def _closed(connection: Connection) -> str:
    if connection.closing is None:
        return "nobody"
    by = "client" if connection.closing.by_client else "server"
    return f"{by}, RST" if connection.closing.how is How.RST else by


def closing(wire: Wire) -> str:
    """The last line."""
    if not wire.connections:
        return "No TCP connection was made"
    if wire.unusual:
        if len(wire.connections) == 1:
            return "Something unusual in the only connection"
        return f"Something unusual in {wire.unusual} of {number(len(wire.connections))} connections"
    return f"Nothing unusual in {plural(len(wire.connections), 'connection')}"
