"""What becomes of each packet under the faults of a network: drawn from the seed of the trial, packet by packet.

The n-th packet that an end of the k-th connection sends has the same fate in each trial with that seed, whatever
happens between other ends meanwhile; and what is lost at a small share is lost at a larger one, too.
"""

import struct
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from flakeproof_worker.shared import draws
from flakeproof_worker.shared.network_faults import Faults

_TCP, _UDP = 6, 17
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_ROOM = 1000
"""Packets that may wait for a narrow line, as by default in a queue of Linux."""
_CHANCES = 4
"""Numbers drawn for each packet, whichever of them are needed."""


@dataclass(frozen=True)
class Flow:
    """Packets of one connection in one direction."""

    number: int
    """Of the connection, in the order of their first packets."""
    backwards: bool
    """Whether they go to the end that sent the first packet."""


@dataclass
class Fate:
    """What becomes of a packet."""

    what: str
    """`passed`, `lost`, `no room`, `reordered`, or `reset`."""
    at: float = 0.0
    """When it arrives, in the seconds of the caller's clock."""
    packets: list[bytes] = field(default_factory=list)
    """What arrives: it, or the resets in its place."""


class PacketFates:
    """Decides about the packets of a trial."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._faults = faults
        self._seed = seed
        self._flows: dict[bytes, Flow] = {}
        self._connections = 0
        self._chances: dict[Flow, Callable[[], float]] = {}
        self._line: dict[bool, deque[float]] = {False: deque(), True: deque()}
        """When the line will have sent each packet that waits for it, each way."""
        self._last: dict[Flow, float] = {}

    def of(self, packet: bytes, now: float) -> Fate:
        """The fate of a `packet` of IPv4 that is sent `now`, in seconds of a clock that never goes back."""
        faults, flow = self._faults, self._flow_of(packet)
        chance = self._chances[flow]
        loss, reset, overtakes, shift = (chance() for _ in range(_CHANCES))
        if loss < faults.loss:
            return Fate("lost")
        if reset < faults.rst and (resets := resets_for(packet)):
            return Fate("reset", now, resets)
        sent = now
        if faults.bandwidth:
            line = self._line[flow.backwards]
            while line and line[0] <= now:
                line.popleft()
            if len(line) >= _ROOM:
                return Fate("no room")
            sent = (line[-1] if line else now) + 8 * len(packet) / faults.bandwidth
            line.append(sent)
        if overtakes < faults.reorder:
            return Fate("reordered", sent, [packet])
        arrives = sent + faults.delay + faults.jitter * (2 * shift - 1)
        arrives = self._last[flow] = max(arrives, self._last.get(flow, 0.0))
        return Fate("passed", arrives, [packet])

    def _flow_of(self, packet: bytes) -> Flow:
        start = (packet[0] & 15) * 4
        ports = packet[start : start + 4] if packet[9] in (_TCP, _UDP) else b"\0\0\0\0"
        key = packet[9:10] + packet[12:20] + ports
        if key not in self._flows:
            backwards = packet[9:10] + packet[16:20] + packet[12:16] + ports[2:] + ports[:2]
            for one, is_backwards in ((backwards, True), (key, False)):  # one to itself goes forwards
                flow = self._flows[one] = Flow(self._connections, is_backwards)
                self._chances[flow] = draws.generator(self._seed, "network", self._connections, is_backwards).random
            self._connections += 1
        return self._flows[key]


def resets_for(packet: bytes) -> list[bytes]:
    """The RST for the receiver and that for the sender in place of a TCP `packet` of IPv4; none if it is no such one.

    Each has the sequence number that its receiver expects next, if all before has arrived (RFC 9293, 3.10.7.4).
    """
    start = (packet[0] & 15) * 4
    if packet[9] != _TCP or len(packet) < start + 20:
        return []
    source, destination, sequence, acknowledged, offset, flags = struct.unpack_from(">HHIIBB", packet, start)
    if flags & _RST:
        return []
    length = len(packet) - start - (offset >> 4) * 4
    is_first = flags & _SYN and not flags & _ACK
    forth = (sequence, acknowledged, _RST | _ACK) if flags & _SYN else (sequence, 0, _RST)
    back = (acknowledged, 0, _RST) if flags & _ACK else (0, sequence + length + bool(flags & _SYN), _RST | _ACK)
    return [
        *([_segment(packet[12:16], packet[16:20], source, destination, *forth)] if not is_first else []),
        _segment(packet[16:20], packet[12:16], destination, source, *back),
    ]


def _segment(
    source: bytes, destination: bytes, port: int, to_port: int, sequence: int, acknowledged: int, flags: int
) -> bytes:
    head = struct.pack(">BBHHHBBH", 0x45, 0, 40, 0, 0, 64, _TCP, 0) + source + destination
    body = struct.pack(">HHIIBBHHH", port, to_port, sequence, acknowledged & 0xFFFF_FFFF, 0x50, flags, 0, 0, 0)
    pseudo = source + destination + struct.pack(">BBH", 0, _TCP, len(body))
    return head[:10] + _checksum(head) + head[12:] + body[:16] + _checksum(pseudo + body) + body[18:]


def _checksum(data: bytes) -> bytes:
    """That of RFC 1071."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack(">H", ~total & 0xFFFF)
