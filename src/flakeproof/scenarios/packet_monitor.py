"""The round-trip time that a trial reads from TCP_INFO, held against what its packets say.

A tap sits below the stack, so that it measures another path than the kernel and never the same time. What it cannot see
is known, though, and bounds the difference. The kernel has taken its time of a segment after the call that sent it had
begun and before the segment passed the tap; and its time of the answer after the answer had passed the tap, and before
what proves that it has seen it (the last segment of the handshake, or TCP_INFO itself). So each sample of the kernel
lies between that of the tap and the same plus both gaps, on any machine and under any load, and from bounds of the
samples follow bounds of both numbers (`flakeproof.net.packets.ranges_in_kernel`).
"""

import errno
import socket
import threading
import time
from unittest import SkipTest

from flakeproof.net import MeasuredRoundTrip, measured_round_trip
from flakeproof.net.packets import Connection, Tracker, ranges_in_kernel
from flakeproof.net.packets.words import stories
from flakeproof_worker.system import packet_tap

_CONNECTIONS_KEPT = 2_000
"""More than are open at once in a process."""
_CLOCKS_APART = 20_000
"""Nanoseconds: by more than that the distance of two clocks changes only if one of them is set."""

Address = tuple[str, int]


class _Monitor:
    """The connections of this process, as its packets tell them."""

    def __init__(self, tap: packet_tap.PacketTap) -> None:
        self.tap = tap
        self.clocks = _distance_of_clocks()
        self.dropped_until = 0
        """Nanoseconds since 1970: what began before may lack packets."""
        self._dropped = 0
        self._tracker = Tracker(_CONNECTIONS_KEPT, midstream=False)
        self._lock = threading.Lock()

    def connection(self, client: Address, server: Address) -> Connection | None:
        """What has been seen of a connection by now."""
        with self._lock:
            feed = self._tracker.feed
            for at, data, length, _ in self.tap.read():
                feed(at, data, length)
            dropped = self.tap.dropped
            if dropped != self._dropped:
                self._dropped, self.dropped_until = dropped, time.time_ns()
            return self._tracker.between(client, server)

    def forget(self, connection: Connection) -> None:
        """Follow it no longer."""
        with self._lock:
            self._tracker.forget(connection)


_monitor: _Monitor | None = None
_making = threading.Lock()


class MonitoredConnection:
    """A trial whose connection is measured by its packets as well; made before the connection is."""

    def __init__(self, monitor: _Monitor) -> None:
        self._monitor = monitor
        self._before_dial = self._before_write = self._after = time.time_ns()

    def writes(self) -> None:
        """Note that data will now be sent."""
        self._before_write = time.time_ns()

    def reads(self, client: socket.socket) -> MeasuredRoundTrip:
        """TCP_INFO of the client's end. Raises OSError."""
        info = measured_round_trip(client)
        self._after = time.time_ns()
        return info

    def compare(self, info: MeasuredRoundTrip, local: Address, remote: Address) -> None:
        """Raise OSError if `info` is not what the packets from `local` to `remote` say.

        Raises SkipTest where they do not tell: packets were lost, or sent again, so that nobody can know what was
        measured.
        """
        connection = self.connection(local, remote)
        if self._before_dial <= self._monitor.dropped_until:
            raise SkipTest("packets were dropped: nobody knows what the round trips were")
        if connection is None:
            raise OSError(errno.ENODATA, "no packet of this connection was seen")
        bounds = ranges_in_kernel(self.samples(connection, info))
        if bounds is None:
            raise OSError(errno.ENODATA, "the packets have no round trip")
        if info.rtt in bounds[0] and info.rttvar in bounds[1]:
            self._monitor.forget(connection)
            return
        if abs(_distance_of_clocks() - self._monitor.clocks) > _CLOCKS_APART:
            raise SkipTest("the clock was set: nobody knows what the round trips were")
        round_trip, variation = bounds
        raise OSError(
            errno.EPROTO,
            f"TCP_INFO has {info.rtt} us, varying by {info.rttvar} us; its packets have {round_trip.low:.0f} to "
            f"{round_trip.high:.0f} us, varying by {variation.low:.0f} to {variation.high:.0f} us",
        )

    def connection(self, local: Address, remote: Address) -> Connection | None:
        """What has been seen of the connection by now."""
        return self._monitor.connection(local, remote)

    def story(self, local: Address, remote: Address) -> str:
        """What the packets of the connection say by now, what is unusual first; "" for no packets."""
        connection = self.connection(local, remote)
        if connection is None or self._before_dial <= self._monitor.dropped_until:
            return ""
        (story,) = stories([connection], None)
        return "; ".join((*story.unusual, *story.usual))

    def samples(self, connection: Connection, info: MeasuredRoundTrip) -> list[tuple[int, int]]:
        """For each round trip that the kernel had measured by `info`, its least and its most in nanoseconds.

        Raises SkipTest where that is not known.
        """
        client, proof = connection.client, connection.established_at
        sent_again = client.syns_again + client.sent_again + connection.server.syns_again + info.total_retrans
        if sent_again or proof is None:
            raise SkipTest("packets were sent again: nobody knows what the kernel has measured")
        found = []
        for number, (reached, sent, seen) in enumerate(client.samples):
            if reached <= info.bytes_acked:
                before, after = (self._before_write, self._after) if number else (self._before_dial, proof)
                found.append((seen - sent, (seen - sent) + (sent - before) + (after - seen)))
        return found


def watch() -> MonitoredConnection:
    """Begin to watch a connection that will be made. Raises OSError where this process has no tap."""
    global _monitor
    tap = packet_tap.own()
    if tap is None:
        raise OSError(errno.EPERM, "this process cannot see packets: it is in no network of its own")
    with _making:
        if _monitor is None or _monitor.tap is not tap:
            _monitor = _Monitor(tap)
        return MonitoredConnection(_monitor)


def _distance_of_clocks() -> int:
    """From the clock of time stamps to the one that nobody sets, in nanoseconds; the narrowest of a few readings."""
    found = []
    for _ in range(5):
        start = time.monotonic_ns()
        now = time.time_ns()
        found.append((time.monotonic_ns() - start, now - start))
    return min(found)[1]
