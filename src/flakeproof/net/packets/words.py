"""What is worth telling of a connection, in words: who closed it, over which data, and what did not go as usual."""

from collections.abc import Sequence
from dataclasses import dataclass

from flakeproof.net.packets.connection import Closing, Connection, Endpoint, How

_TIME_WAIT = 60_000_000_000
"""Nanoseconds for which Linux keeps the ports of a connection from being mistaken for those of a later one."""


@dataclass(frozen=True)
class Story:
    """A connection in words."""

    head: str
    """Its ends, and how much went which way."""
    usual: list[str]
    """What happens to every connection."""
    unusual: list[str]
    """What does not."""


def stories(
    connections: Sequence[Connection], over_unread: int | None, resets: Sequence[tuple[str, str]] = ()
) -> list[Story]:
    """Each of the `connections` of one network in words.

    The kernel has reset `over_unread` connections there because they were closed with data that nobody had read; None
    if that is not known. Only where that is true of all that it may be about, or of none, is it said of any. Between
    the ends in `resets` the network itself has sent RST: that is then said of neither end.
    """
    suspects = [one for one in connections if _may_be_over_unread(one)]
    known = (
        None if over_unread is None else True if over_unread >= len(suspects) else False if not over_unread else None
    )
    by_network = {frozenset(ends) for ends in resets}
    return [
        _reset_by_network(one) if frozenset(map(str, one.ends)) in by_network else _story(one, known)
        for one in connections
    ]


def _reset_by_network(connection: Connection) -> Story:
    at = "" if connection.reset is None else f" {duration(connection.reset.at - connection.began)} after it was opened"
    return Story(_head(connection), [], [f"the network itself reset it{at}: neither end had sent RST by then"])


def _may_be_over_unread(connection: Connection) -> bool:
    """Whether an end has reset it that had received something and had not closed before."""
    reset, closing = connection.reset, connection.closing
    return reset is not None and reset.acknowledges and reset is closing and reset.received > 0


def _story(connection: Connection, unread: bool | None) -> Story:
    usual, unusual = [], []
    client, server = connection.ends
    if connection.midstream:
        usual.append("its beginning was not seen")
    if connection.is_unanswered and connection.reset is None:
        times = client.syns_again + 1
        took = duration(connection.last - connection.began)
        what = "SYN" if times == 1 else f"SYN, which it sent {times} times in {took}"
        unusual.append(f"nothing answered the client's {what}")
    elif connection.is_refused and connection.reset is not None:
        took = duration(connection.reset.at - connection.began)
        unusual.append(f"the server answered SYN with RST after {took}, as where nobody listens")
    else:
        (unusual if _is_unusual(connection) else usual).extend(_closings(connection, unread))
    for end, name in ((client, "client"), (server, "server")):
        unusual += _ups_and_downs(end, name, connection)
    if connection.reused_after is not None and connection.reused_after < _TIME_WAIT:
        unusual.append(f"another connection had the same ports until {duration(connection.reused_after)} before")
    return Story(_head(connection), usual, unusual)


def _head(connection: Connection) -> str:
    client, server = connection.ends
    trips = client.round_trips
    measured = f", round trip {duration(round(trips.smoothed))}" if trips.count else ""
    return f"{client} to {server}: {size(client.bytes_sent)} there, {size(server.bytes_sent)} back{measured}"


def _is_unusual(connection: Connection) -> bool:
    closing = connection.closing
    return connection.reset is not None or (closing is not None and closing.in_flight > 0)


def _closings(connection: Connection, unread: bool | None) -> list[str]:
    first, reset = connection.closing, connection.reset
    if first is None:
        return ["nobody had closed it"]
    said = [_closing(connection, first, unread)]
    if reset is not None and reset is not first:
        said.append(_later_reset(connection, reset))
    return said


def _closing(connection: Connection, closing: Closing, unread: bool | None) -> str:
    by, other = _names(closing)
    after = "it was opened"
    since = closing.at - connection.began
    if closing.since_answer and closing.last_received is not None:
        after, since = f"the {other}'s {size(closing.since_answer)}", closing.at - closing.last_received
    elif closing.last_received is not None and closing.received:
        after = "it was opened and had answered all data"
    said = f"the {by} sent {closing.how.value} {duration(since)} after {after}"
    if closing.how is How.RST and closing.acknowledges and closing.received:
        if unread:
            said += ", which it had not read to the end" if closing.since_answer else "; it had not read all of it"
        elif unread is None:
            said += ", as a close does that leaves data unread, or one with SO_LINGER 0"
        else:
            said += "; no data was left unread (SO_LINGER 0, or nobody had accepted it when its listener closed)"
    if closing.in_flight:
        said += f"; {size(closing.in_flight)} of the {other}'s were not acknowledged yet"
    if closing.unacknowledged:
        said += f"; {size(closing.unacknowledged)} of its own were not acknowledged yet"
    return said


def _later_reset(connection: Connection, reset: Closing) -> str:
    by, other = _names(reset)
    end = connection.client if reset.by_client else connection.server
    if end.fin_at is not None and not reset.acknowledges:
        since = duration(reset.at - end.fin_at)
        return f"the {by} answered with RST what came after it had closed ({since} after its FIN)"
    since = duration(reset.at - (reset.last_received or connection.began))
    return f"then the {by} sent RST, {since} after the {other}'s last data"


def _names(closing: Closing) -> tuple[str, str]:
    return ("client", "server") if closing.by_client else ("server", "client")


def _ups_and_downs(end: Endpoint, name: str, connection: Connection) -> list[str]:
    said = []
    if end.syns_again and not connection.is_unanswered:
        said.append(f"the {name} sent SYN {end.syns_again + 1} times")
    if end.sent_again:
        said.append(f"the {name} sent {_segments(end.sent_again)} again ({size(end.bytes_sent_again)})")
    if end.late:
        said.append(f"{_segments(end.late)} of the {name} came after later ones")
    if end.zero_windows:
        times = "once" if end.zero_windows == 1 else f"{end.zero_windows} times"
        said.append(f"the {name} could receive nothing more {times} (window 0)")
    if end.not_seen:
        said.append(f"{size(end.not_seen)} of the {name} were not seen")
    return said


def _segments(count: int) -> str:
    return "1 segment" if count == 1 else f"{count} segments"


def size(count: int) -> str:
    """`3 bytes`."""
    return "1 byte" if count == 1 else f"{count:,} bytes"


def duration(nanoseconds: int) -> str:
    """In milliseconds, from a second on in seconds: `0.034 ms`, `12 ms`, `1.2 s`."""
    milliseconds = nanoseconds / 1e6
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.0f} ms" if milliseconds >= 10 else f"{milliseconds:.2g} ms"
