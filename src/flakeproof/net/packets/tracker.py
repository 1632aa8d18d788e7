"""Packets in, connections out."""

import socket
from collections.abc import Iterable

from flakeproof.net.packets.connection import Connection, Endpoint
from flakeproof.net.packets.headers import ACK, SYN, Segment, SegmentReader, start_of_ip
from flakeproof.net.packets.pcap import Packet

_MOST = 100_000


class Tracker:
    """Follows the connections among packets, which must come in the order of their time stamps.

    Memory: about 2 KiB for each connection that is kept.
    """

    def __init__(self, most: int = _MOST, *, midstream: bool = True) -> None:
        """Of more than `most` connections the oldest are forgotten.

        Without `midstream` only those are followed whose first SYN is seen; so nothing comes after one was forgotten.
        """
        self._midstream = midstream
        self.reader = SegmentReader()
        self.packets = 0
        self.dropped = 0
        """Packets that the capture has lost, as whoever captures says; nothing is sure then."""
        self.forgotten = 0
        self._most = most
        self._routes: dict[bytes, tuple[Connection, Endpoint, Endpoint]] = {}
        """For each direction of a connection by its key: sender and receiver."""
        self._connections: dict[int, Connection] = {}
        """In the order of their beginning."""

    @property
    def connections(self) -> list[Connection]:
        """In the order of their first packets."""
        return list(self._connections.values())

    def feed(self, time: int, data: bytes, length: int | None = None) -> None:
        """Take in a packet that begins with the header of IP, seen at `time` (nanoseconds).

        `length` in bytes is that on the wire, where the capture holds less of it.
        """
        self.packets += 1
        segment = self.reader.read(time, data, length)
        if segment is None:
            return
        route = self._routes.get(segment.key)
        if route is None and not self._midstream and segment.flags & (SYN | ACK) != SYN:
            return
        if route is None or segment.flags & SYN:
            route = self._route(time, segment, route)
        connection, sender, receiver = route
        connection.take(sender, receiver, time, segment)

    def feed_all(self, packets: Iterable[Packet]) -> None:
        """Take in `packets` of a capture. Raises ValueError for a link type that is not known."""
        for packet in packets:
            start = start_of_ip(packet.link, packet.data)
            if start is None:
                self.packets += 1
                self.reader.other += 1
            else:
                self.feed(packet.time, packet.data[start:] if start else packet.data, packet.length - start)

    def between(self, client: tuple[str, int], server: tuple[str, int]) -> Connection | None:
        """The newest connection of these two, each an address and a port."""
        family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
        addresses = socket.inet_pton(family, client[0]) + socket.inet_pton(family, server[0])
        route = self._routes.get(addresses + client[1].to_bytes(2) + server[1].to_bytes(2))
        return None if route is None else route[0]

    def forget(self, connection: Connection) -> None:
        """Keep nothing more of `connection`."""
        self._connections.pop(id(connection), None)
        for key in (connection.key, _reverse(connection.key)):
            route = self._routes.get(key)
            if route is not None and route[0] is connection:
                del self._routes[key]

    def _route(
        self, time: int, segment: Segment, known: tuple[Connection, Endpoint, Endpoint] | None
    ) -> tuple[Connection, Endpoint, Endpoint]:
        """Where a segment belongs that is the first one of an unknown connection, or carries SYN."""
        before = None
        if known is not None:
            before, sender, _ = known
            is_same = sender.first is None or sender.syn_at is None or (sender.first - segment.seq) & 0xFFFF_FFFF == 0
            if segment.flags & ACK or (is_same and not (before.is_over and sender.syn_at is None)):
                return known
        if len(self._connections) >= self._most:
            self.forget(next(iter(self._connections.values())))
            self.forgotten += 1
        source, target = _addresses(segment.key)
        ports = segment.key[-4:]
        client = Endpoint(source, int.from_bytes(ports[:2]))
        server = Endpoint(target, int.from_bytes(ports[2:]))
        key, other = segment.key, _reverse(segment.key)
        if segment.flags & SYN and segment.flags & ACK:  # it answers a SYN that was not seen
            client, server, key, other = server, client, other, key
        found = Connection(client, server, time, key=key, midstream=segment.flags & (SYN | ACK) != SYN)
        if before is not None:
            found.reused_after = time - before.last
        self._connections[id(found)] = found
        self._routes[key] = (found, client, server)
        self._routes[other] = (found, server, client)
        return self._routes[segment.key]


def _reverse(key: bytes) -> bytes:
    """The key of the other direction."""
    half = (len(key) - 4) // 2
    return key[half:-4] + key[:half] + key[-2:] + key[-4:-2]


def _addresses(key: bytes) -> tuple[str, str]:
    half = (len(key) - 4) // 2
    family = socket.AF_INET if half == 4 else socket.AF_INET6
    return socket.inet_ntop(family, key[:half]), socket.inet_ntop(family, key[half : 2 * half])
