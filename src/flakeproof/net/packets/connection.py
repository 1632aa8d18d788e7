"""A TCP connection as packets tell it: its two ends, its state, how it was closed, by whom and over what.

States by RFC 9293 section 3.3.2; retransmitted data gives no round-trip time (Karn's algorithm, RFC 6298 section 3),
unless the time stamps of RFC 7323 tell which copy was acknowledged.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from flakeproof.net.packets.headers import ACK, FIN, RST, SYN, Segment
from flakeproof.net.packets.round_trips import RoundTrips
from flakeproof.net.tcp_info import TCPState

_MASK = 0xFFFF_FFFF
_HALF = 0x8000_0000


class How(Enum):
    """How an end closed."""

    FIN = "FIN"
    RST = "RST"


@dataclass(frozen=True, slots=True)
class Closing:
    """An end has sent FIN or RST."""

    by_client: bool
    how: How
    at: int
    """Nanoseconds."""
    unacknowledged: int
    """Bytes of the closing end that the other one had not acknowledged by then."""
    in_flight: int
    """Bytes of the other end that the closing one had not acknowledged by then."""
    received: int
    """Bytes of the other end that the closing one had acknowledged …"""
    since_answer: int
    """… and those among them that came after the last data of the closing end."""
    last_received: int | None
    """When the last data of the other end was seen."""
    acknowledges: bool
    """Whether it carries ACK. An RST without it answers a segment for which there was no socket (RFC 9293, 3.5.2)."""


@dataclass(slots=True)
class Endpoint:
    """One end of a connection, as a sender. Sequence numbers are unwrapped: they grow past 2**32."""

    address: str
    port: int
    first: int | None = None
    """Initial sequence number; of a connection that was not seen from its beginning the first one that was seen."""
    highest: int = 0
    """The sequence number after the last one that was sent."""
    acknowledged: int = 0
    """Up to which the other end has acknowledged."""
    syn_at: int | None = None
    fin_at: int | None = None
    rst_at: int | None = None
    fin_acknowledges: bool = False
    """Whether its FIN acknowledged that of the other end, which then was the first."""
    packets: int = 0
    sent_again: int = 0
    """Segments of which some data had been seen before: sent again, or doubled by the network."""
    bytes_sent_again: int = 0
    syns_again: int = 0
    late: int = 0
    """Segments that came after later ones."""
    holes: list[tuple[int, int]] = field(default_factory=list)
    """Data that was not seen although later one was."""
    not_seen: int = 0
    """Bytes that the other end has acknowledged and the capture does not have."""
    probes: int = 0
    """Segments that ask whether the other end is still there: keepalive and probes of a window that is zero."""
    window: int | None = None
    """Bytes that it was ready to receive, as it last said."""
    scale: int | None = None
    """Window scale; None before its SYN was seen, or without the option."""
    zero_windows: int = 0
    """How often it said that it can receive nothing more."""
    since_answer: int = 0
    """Bytes since the last data of the other end."""
    last_data_at: int | None = None
    round_trips: RoundTrips = field(default_factory=RoundTrips)
    samples: list[tuple[int, int, int]] = field(default_factory=list)
    """The first few round trips: bytes acknowledged with them (SYN counts as one), when the segment and when its ACK
    was seen, in nanoseconds."""
    timed: tuple[int, int, int | None, int] | None = None
    """The one segment whose round trip is being measured: start, end, its time stamp, and when it was seen."""
    copies: dict[int | None, int] | None = None
    """When it and its copies were seen, by their time stamps, if it was sent again."""

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    @property
    def bytes_sent(self) -> int:
        """Bytes of data, each counted once, as far as they were seen."""
        if self.first is None:
            return 0
        numbers = self.highest - self.first - (self.syn_at is not None) - (self.fin_at is not None)
        return numbers - self.not_seen - sum(end - start for start, end in self.holes)

    @property
    def in_flight(self) -> int:
        """Sequence numbers that were sent and not acknowledged."""
        return self.highest - self.acknowledged

    @property
    def fin_acknowledged(self) -> bool:
        """Whether the other end has acknowledged its FIN."""
        return self.fin_at is not None and self.acknowledged == self.highest


_SAMPLES_KEPT = 16


@dataclass(slots=True)
class Connection:
    """A connection and what was seen of it."""

    client: Endpoint
    """Whoever has sent the first SYN; where that was not seen, whoever has sent the first packet."""
    server: Endpoint
    began: int
    """When its first packet was seen, in nanoseconds."""
    key: bytes = b""
    """Of segments from client to server."""
    midstream: bool = False
    """Whether its beginning was not seen."""
    last: int = 0
    """When its last packet was seen."""
    established_at: int | None = None
    closing: Closing | None = None
    """The first FIN or RST."""
    reset: Closing | None = None
    """The first RST."""
    reused_after: int | None = None
    """Nanoseconds since the end of an earlier connection with the same addresses and ports, if there was one."""

    @property
    def ends(self) -> Iterator[Endpoint]:
        """Client and server."""
        yield self.client
        yield self.server

    @property
    def is_refused(self) -> bool:
        """Whether the server has answered the SYN with RST."""
        return self.reset is not None and not self.reset.by_client and self.server.syn_at is None and not self.midstream

    @property
    def is_unanswered(self) -> bool:
        """Whether nothing at all has come back from the server."""
        return self.server.packets == 0 and not self.midstream

    @property
    def is_over(self) -> bool:
        """Whether both ends have closed, or one has reset it."""
        return self.reset is not None or (self.client.fin_acknowledged and self.server.fin_acknowledged)

    def state(self, end: Endpoint) -> TCPState:
        """The state in which `end` must be by the packets, if all of them have arrived."""
        other = self.server if end is self.client else self.client
        if self.reset is not None:
            return TCPState.CLOSE
        if end.fin_at is None and other.fin_at is None:
            return self._opening(end, other)
        if end.fin_at is None:
            return TCPState.CLOSE_WAIT
        if other.fin_at is None:
            return TCPState.FIN_WAIT2 if end.fin_acknowledged else TCPState.FIN_WAIT1
        if end.fin_acknowledges:
            return TCPState.CLOSE if end.fin_acknowledged else TCPState.LAST_ACK
        return TCPState.TIME_WAIT if end.fin_acknowledged else TCPState.CLOSING

    def _opening(self, end: Endpoint, other: Endpoint) -> TCPState:
        if self.midstream or self.established_at is not None:
            return TCPState.ESTABLISHED
        if end.syn_at is None:
            return TCPState.LISTEN
        return TCPState.SYN_SENT if other.syn_at is None else TCPState.SYN_RECV

    def take(self, sender: Endpoint, receiver: Endpoint, time: int, segment: Segment) -> None:
        """Take in a `segment` that `sender` has sent, seen at `time` (nanoseconds)."""
        self.last = time
        sender.packets += 1
        _, seq, ack, flags, window, length, tsval, tsecr, scale = segment
        if flags & ACK and not (flags & RST and not receiver.packets and receiver.first is None):
            first = receiver.first
            if first is None:
                receiver.first = receiver.highest = receiver.acknowledged = ack
            else:
                reached = receiver.highest + ((ack - receiver.highest + _HALF) & _MASK) - _HALF
                if reached > receiver.acknowledged:
                    _acknowledge(receiver, reached, time, tsecr, tsval is not None)
                    if self.established_at is None and sender.syn_at is not None and not flags & SYN:
                        self.established_at = time
        if flags & RST:
            sender.rst_at = sender.rst_at or time
            self._close(sender, receiver, time, How.RST, flags)
            return
        if flags & SYN:
            if sender.syn_at is None:
                sender.syn_at = time
            sender.scale = scale
        elif sender.scale is not None and receiver.scale is not None:
            window <<= sender.scale
        if window == 0 and sender.window != 0 and not flags & SYN:
            sender.zero_windows += 1
        sender.window = window
        if sender.first is None:
            sender.first = sender.highest = sender.acknowledged = seq
            highest = start = seq
        else:
            highest = sender.highest
            start = highest + ((seq - highest + _HALF) & _MASK) - _HALF
        if length or flags & 3:
            end = start + length + (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
            if length:
                receiver.since_answer = 0
                sender.last_data_at = time
            if end > highest and start >= highest:
                sender.highest = end
                if start > highest:
                    sender.holes.append((highest, start))
                    sender.timed = None
                elif sender.timed is None and not sender.holes:
                    sender.timed, sender.copies = (start, end, tsval, time), None
                sender.since_answer += length
            else:
                _old(sender, start, end, time, flags, tsval)
            if flags & FIN and sender.fin_at is None:
                sender.fin_at = time
                sender.fin_acknowledges = receiver.fin_acknowledged
                self._close(sender, receiver, time, How.FIN, flags)

    def _close(self, sender: Endpoint, receiver: Endpoint, time: int, how: How, flags: int) -> None:
        if self.closing is not None and (how is How.FIN or self.reset is not None):
            return
        own_marks = (sender.syn_at is not None and sender.acknowledged == sender.first) + (sender.fin_at is not None)
        syn = receiver.syn_at is not None
        seen = Closing(
            by_client=sender is self.client,
            how=how,
            at=time,
            unacknowledged=max(0, sender.in_flight - own_marks) if not sender.fin_acknowledged else 0,
            in_flight=max(0, receiver.in_flight - (receiver.fin_at is not None and not receiver.fin_acknowledged)),
            received=max(0, receiver.acknowledged - (receiver.first or 0) - syn - receiver.fin_acknowledged),
            since_answer=receiver.since_answer,
            last_received=receiver.last_data_at,
            acknowledges=bool(flags & ACK),
        )
        self.closing = self.closing or seen
        if how is How.RST:
            self.reset = seen


def _acknowledge(end: Endpoint, reached: int, time: int, echo: int | None, has_times: bool) -> None:
    """Note that the data of `end` was acknowledged up to the number `reached`."""
    if reached > end.highest:  # the capture has not seen what is acknowledged
        end.not_seen += reached - end.highest
        end.highest = reached
        end.timed = None
    end.acknowledged = reached
    if end.holes:
        end.not_seen += sum(stop - start for start, stop in end.holes if stop <= reached)
        end.holes = [hole for hole in end.holes if hole[1] > reached]
    timed = end.timed
    if timed is not None and reached >= timed[1]:
        end.timed = None
        sent = timed[3] if end.copies is None else end.copies.get(echo) if has_times else None
        if sent is not None:
            end.round_trips.add(time - sent)
            if len(end.samples) < _SAMPLES_KEPT:
                end.samples.append((reached - (end.first or 0), sent, time))


def _old(sender: Endpoint, start: int, end: int, time: int, flags: int, tsval: int | None) -> None:
    """Take in a segment that begins with something that could have been seen before."""
    again = min(end, sender.highest)
    if flags & SYN:
        sender.syns_again += 1
    elif sender.holes and _fill(sender, start, again):
        sender.late += 1
    elif end - start == 1 and start == sender.acknowledged - 1 and not flags & FIN:
        sender.probes += 1
    else:
        sender.sent_again += 1
        sender.bytes_sent_again += again - start - bool(flags & FIN and end == again)
    timed = sender.timed
    if timed is not None and start < timed[1] and end > sender.acknowledged:
        sent = sender.copies or {timed[2]: timed[3]}
        covers = start <= timed[0] and end >= timed[1]
        if covers and tsval is not None and None not in sent and tsval not in sent:
            sender.copies = {**sent, tsval: time}
        else:
            sender.timed = None
    if end > sender.highest:
        sender.since_answer += end - sender.highest - bool(flags & FIN)
        sender.highest = end


def _fill(sender: Endpoint, start: int, end: int) -> bool:
    """Whether what was not seen before is now, from `start` to `end`."""
    left: list[tuple[int, int]] = []
    for low, high in sender.holes:
        if end <= low or start >= high:
            left.append((low, high))
        else:
            left += [piece for piece in ((low, start), (end, high)) if piece[0] < piece[1]]
    is_new = left != sender.holes
    sender.holes = left
    return is_new
