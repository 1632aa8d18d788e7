"""The tracker against a reading of the same packets by Scapy, and what it says of openings and closings."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from tests.unit.packets.conversations import IP, STEP, TCP, Conversation, conversations, read

from flakeproof.net.packets import Connection, Endpoint, How, RoundTrips, Tracker
from flakeproof.net.tcp_info import TCPState


def tracked(packets: Sequence[tuple[int, bytes]]) -> Tracker:
    """A tracker that has been fed."""
    tracker = Tracker()
    for time, data in packets:
        tracker.feed(time, data)
    return tracker


def agrees(conversation: Conversation) -> None:
    """The tracker and the reading by Scapy say the same."""
    (connection,) = tracked(conversation.packets).connections
    isns = (conversation.sides[0].isn, conversation.sides[1].isn)
    for end, reading in zip(connection.ends, read(conversation.packets, isns, v6=conversation.v6), strict=True):
        found = (end.bytes_sent, end.sent_again, end.bytes_sent_again, end.late, end.zero_windows, end.not_seen)
        assert found == (
            reading.data,
            reading.sent_again,
            reading.bytes_sent_again,
            reading.late,
            reading.zero_windows,
            reading.not_seen,
        )
        assert (end.fin_at, end.rst_at) == (reading.fin_at, reading.rst_at)
        expected = RoundTrips()
        for sample in reading.round_trips:
            expected.add(sample)
        assert end.round_trips == expected
        assert [(seen - sent) for _, sent, seen in end.samples] == reading.round_trips[:16]


@settings(max_examples=40)
@given(conversations())
def test_it_agrees_with_scapy(conversation: Conversation) -> None:
    """On data, copies, late segments, what was not seen, zero windows, round trips, FIN and RST."""
    agrees(conversation)


@pytest.mark.long
@settings(max_examples=250)
@given(conversations())
def test_it_agrees_with_scapy_at_length(conversation: Conversation) -> None:
    """The same, more often."""
    agrees(conversation)


def made(*segments: tuple[str, str, int, int, int], step: int = STEP) -> list[tuple[int, bytes]]:
    """Packets of client (c) and server (s): who, flags, sequence and acknowledgement number, bytes."""
    packets = []
    for number, (who, flags, seq, ack, size) in enumerate(segments, 1):
        ports = (4000, 80) if who == "c" else (80, 4000)
        tcp = TCP(sport=ports[0], dport=ports[1], flags=flags, seq=seq, ack=ack)
        packets.append((number * step, bytes(IP(src="127.0.0.1", dst="127.0.0.1") / tcp / (b"x" * size))))
    return packets


OPENING = (("c", "S", 100, 0, 0), ("s", "SA", 500, 101, 0), ("c", "A", 101, 501, 0))
WRITE = (("c", "PA", 101, 501, 3), ("s", "A", 501, 104, 0))


def only(packets: Sequence[tuple[int, bytes]]) -> Connection:
    """The one connection among `packets`."""
    (connection,) = tracked(packets).connections
    return connection


def states(*segments: tuple[str, str, int, int, int]) -> tuple[TCPState, TCPState]:
    """Of client and server, after `segments`."""
    connection = only(made(*segments))
    return connection.state(connection.client), connection.state(connection.server)


def test_states_from_syn_to_closed() -> None:
    """Each step of a connection that the client closes first."""
    fins = (("c", "FA", 101, 501, 0), ("s", "A", 501, 102, 0), ("s", "FA", 501, 102, 0), ("c", "A", 102, 502, 0))
    whole = OPENING + fins
    seen = [states(*whole[:count]) for count in range(1, len(whole) + 1)]
    state = TCPState
    assert seen == [
        (state.SYN_SENT, state.LISTEN),
        (state.SYN_RECV, state.SYN_RECV),
        (state.ESTABLISHED, state.ESTABLISHED),
        (state.FIN_WAIT1, state.CLOSE_WAIT),
        (state.FIN_WAIT2, state.CLOSE_WAIT),
        (state.TIME_WAIT, state.LAST_ACK),
        (state.TIME_WAIT, state.CLOSE),
    ]


def test_a_simultaneous_close() -> None:
    """Neither FIN has acknowledged the other one."""
    fins = (("c", "FA", 101, 501, 0), ("s", "FA", 501, 101, 0))
    assert states(*OPENING, *fins) == (TCPState.CLOSING, TCPState.CLOSING)
    acks = (("c", "A", 102, 502, 0), ("s", "A", 502, 102, 0))
    assert states(*OPENING, *fins, *acks) == (TCPState.TIME_WAIT, TCPState.TIME_WAIT)


def test_who_reset_and_what_it_had_received() -> None:
    """The server has acknowledged three bytes and resets; nothing is in flight."""
    connection = only(made(*OPENING, *WRITE, ("s", "RA", 501, 104, 0)))
    closing = connection.closing
    assert closing is not None
    assert (closing.by_client, closing.how, closing.at) == (False, How.RST, 6 * STEP)
    assert (closing.received, closing.since_answer, closing.in_flight, closing.unacknowledged) == (3, 3, 0, 0)
    assert closing.last_received == 4 * STEP
    assert states(*OPENING, *WRITE, ("s", "RA", 501, 104, 0)) == (TCPState.CLOSE, TCPState.CLOSE)


def test_what_was_in_flight_at_a_close() -> None:
    """Both ends have sent what the other one has not acknowledged when the server sends FIN."""
    connection = only(
        made(*OPENING, ("c", "PA", 101, 501, 5), ("s", "PA", 501, 101, 7), ("s", "FA", 508, 101, 0)),
    )
    closing = connection.closing
    assert closing is not None
    assert (closing.how, closing.in_flight, closing.unacknowledged, closing.received) == (How.FIN, 5, 7, 0)


def test_data_after_the_close_is_answered_by_rst() -> None:
    """The first close is the server's FIN, the reset comes later and carries no ACK."""
    connection = only(
        made(
            *OPENING,
            *(("s", "FA", 501, 101, 0), ("c", "A", 101, 502, 0)),
            *(("c", "PA", 101, 502, 4), ("s", "R", 502, 0, 0)),
        )
    )
    assert connection.closing is not None
    assert connection.reset is not None
    assert (connection.closing.how, connection.closing.by_client) == (How.FIN, False)
    assert (connection.reset.acknowledges, connection.reset.in_flight, connection.reset.at) == (False, 4, 7 * STEP)


def test_a_refused_and_an_unanswered_connection() -> None:
    """RST in place of SYN-ACK, and nothing at all."""
    refused = only(made(("c", "S", 100, 0, 0), ("s", "RA", 0, 101, 0)))
    unanswered = only(made(("c", "S", 100, 0, 0), ("c", "S", 100, 0, 0)))
    assert (refused.is_refused, refused.is_unanswered) == (True, False)
    assert (unanswered.is_refused, unanswered.is_unanswered, unanswered.client.syns_again) == (False, True, 1)


def test_the_handshake_is_the_first_sample() -> None:
    """The client's is SYN to SYN-ACK, the server's SYN-ACK to ACK; the variation is updated before SRTT."""
    connection = only(made(*OPENING, *WRITE, step=8000))
    assert connection.client.samples == [(1, 8000, 16000), (4, 32000, 40000)]
    assert connection.server.round_trips.count == 1
    trips = RoundTrips()
    trips.add(100)
    trips.add(20)
    assert (trips.smoothed, trips.variation) == (90.0, 0.75 * 50 + 0.25 * 80)


def test_a_syn_that_was_sent_twice_gives_no_sample() -> None:
    """Nobody knows which of them was answered."""
    connection = only(made(OPENING[0], *OPENING))
    assert (connection.client.round_trips.count, connection.server.round_trips.count) == (0, 1)


def test_while_data_is_missing_nothing_is_timed() -> None:
    """What was not seen may be on its way again, and hold up what acknowledges later data."""
    gap = (("c", "PA", 111, 501, 10), ("c", "PA", 121, 501, 10), ("s", "A", 501, 131, 0))
    connection = only(made(*OPENING, *gap))
    assert (connection.client.round_trips.count, connection.client.not_seen) == (1, 10)


def test_the_same_ports_again() -> None:
    """A SYN with another number is another connection, and it is known how long the ports were at rest."""
    again = (("c", "S", 900, 0, 0), ("s", "SA", 700, 901, 0))
    first, second = tracked(made(*OPENING, ("c", "RA", 101, 501, 0), *again)).connections
    assert (first.reset is not None, first.reused_after, second.reused_after) == (True, None, STEP)
    assert second.server.syn_at == 6 * STEP


def test_a_connection_whose_beginning_was_not_seen() -> None:
    """It is followed from where it was met, and said to be so; who answers a SYN is the server."""
    connection = only(made(*WRITE))
    assert (connection.midstream, connection.client.bytes_sent, connection.server.bytes_sent) == (True, 3, 0)
    assert connection.state(connection.client) is TCPState.ESTABLISHED
    late = only(made(*OPENING[1:]))
    assert (late.midstream, late.server.port, late.client.port) == (True, 80, 4000)


def test_what_is_forgotten_may_stay_so() -> None:
    """Its last packets then make no connection without a beginning; a SYN begins the next one."""
    tracker = Tracker(midstream=False)
    for time, data in made(*OPENING, *WRITE):
        tracker.feed(time, data)
    (connection,) = tracker.connections
    tracker.forget(connection)
    for time, data in made(*WRITE):
        tracker.feed(time, data)
    assert tracker.connections == []
    for time, data in made(("c", "S", 900, 0, 0)):
        tracker.feed(time, data)
    assert len(tracker.connections) == 1


def test_memory_is_bounded() -> None:
    """Of many connections the oldest are forgotten, and that is counted."""
    tracker = Tracker(most=10)
    for port in range(1000, 1100):
        tracker.feed(port, bytes(IP(src="10.0.0.1", dst="10.0.0.2") / TCP(sport=port, dport=80, flags="S", seq=1)))
    assert (len(tracker.connections), tracker.forgotten) == (10, 90)
    assert tracker.between(("10.0.0.1", 1000), ("10.0.0.2", 80)) is None
    newest = tracker.between(("10.0.0.1", 1099), ("10.0.0.2", 80))
    assert newest is tracker.connections[-1]
    tracker.forget(newest)
    assert len(tracker.connections) == 9


def test_an_endpoint_is_written_as_one_reads_it() -> None:
    """With brackets for IPv6."""
    assert [str(Endpoint("127.0.0.1", 80)), str(Endpoint("::1", 80))] == ["127.0.0.1:80", "[::1]:80"]
