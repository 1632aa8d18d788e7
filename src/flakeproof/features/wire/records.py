"""What was on the wire, as data: the document of `--json`."""

from flakeproof.features.wire.report import Wire
from flakeproof.model import Record
from flakeproof.net.packets import Connection
from flakeproof.net.packets.connection import Closing, Endpoint
from flakeproof.net.packets.words import Story

SCHEMA_VERSION = 1


class WireEnd(Record, frozen=True, kw_only=True):
    """One end of a connection."""

    address: str
    port: int
    bytes_sent: int
    """Bytes of data, each counted once."""
    segments_again: int
    """Segments of which some data had been sent before."""
    segments_late: int
    """Segments that came after later ones."""
    syns_again: int
    zero_windows: int
    """How often it said that it can receive nothing more."""
    bytes_not_seen: int
    """Bytes that were acknowledged although no packet seen has them."""
    round_trip: float | None
    """Seconds, smoothed as in RFC 6298; None without a sample."""
    round_trip_variation: float | None
    """Seconds."""
    round_trip_samples: int


class WireClosing(Record, frozen=True, kw_only=True):
    """A FIN or RST."""

    by: str
    """`client` or `server`."""
    how: str
    """`FIN` or `RST`."""
    at: float
    """Seconds after the first packet of all connections."""
    bytes_in_flight: int
    """Bytes of the other end that it had not acknowledged yet."""
    bytes_unacknowledged: int
    """Bytes of its own that were not acknowledged yet."""


class WireConnection(Record, frozen=True, kw_only=True):
    """A TCP connection."""

    client: WireEnd
    server: WireEnd
    opened: float
    """Seconds from the first packet of all connections to its own first one."""
    last: float
    """Seconds from the first packet of all connections to its own last one."""
    from_the_beginning: bool
    """Whether its beginning was seen."""
    first_to_close: WireClosing | None
    reset: WireClosing | None
    """The first RST."""
    ports_used_before: float | None
    """Seconds since an earlier connection with the same addresses and ports; None if there was none."""
    unusual: list[str]
    """What is unusual, in words."""
    usual: list[str]


class WireReport(Record, frozen=True, kw_only=True):
    """The connections of one run, or of a capture."""

    schema_version: int = SCHEMA_VERSION
    outcome: str
    """How the test ended, in words; "" for a capture."""
    began: int | None
    """Nanoseconds since 1970 of the first packet of a connection; None without a connection."""
    packets: int
    not_seen: int
    """Packets that found no room."""
    not_read: int
    """Packets of which the capture holds too little to tell their connection."""
    network: list[str]
    """What a network with faults has done to the packets, in words."""
    connections: list[WireConnection]
    """In the order in which they began."""


def report_of(wire: Wire) -> WireReport:
    """What was on the `wire`, for programs."""
    began = wire.connections[0].began if wire.connections else None
    return WireReport(
        outcome=wire.outcome,
        began=began,
        packets=len(wire.packets),
        not_seen=wire.dropped,
        not_read=wire.unreadable,
        network=wire.network,
        connections=[
            _connection(connection, story, began or 0)
            for connection, story in zip(wire.connections, wire.told, strict=True)
        ],
    )


def _connection(connection: Connection, story: Story, began: int) -> WireConnection:
    before = connection.reused_after
    return WireConnection(
        client=_end(connection.client),
        server=_end(connection.server),
        opened=(connection.began - began) / 1e9,
        last=(connection.last - began) / 1e9,
        from_the_beginning=not connection.midstream,
        first_to_close=_closing(connection.closing, began),
        reset=_closing(connection.reset, began),
        ports_used_before=None if before is None else before / 1e9,
        unusual=story.unusual,
        usual=story.usual,
    )


def _end(end: Endpoint) -> WireEnd:
    trips = end.round_trips
    return WireEnd(
        address=end.address,
        port=end.port,
        bytes_sent=end.bytes_sent,
        segments_again=end.sent_again,
        segments_late=end.late,
        syns_again=end.syns_again,
        zero_windows=end.zero_windows,
        bytes_not_seen=end.not_seen,
        round_trip=trips.smoothed / 1e9 if trips.count else None,
        round_trip_variation=trips.variation / 1e9 if trips.count else None,
        round_trip_samples=trips.count,
    )


def _closing(closing: Closing | None, began: int) -> WireClosing | None:
    if closing is None:
        return None
    return WireClosing(
        by="client" if closing.by_client else "server",
        how=closing.how.value,
        at=(closing.at - began) / 1e9,
        bytes_in_flight=closing.in_flight,
        bytes_unacknowledged=closing.unacknowledged,
    )
