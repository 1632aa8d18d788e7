"""The dose of `--network delay=…`, and round trips under it. Usage: network_delay.py [CONNECTIONS]

For delays of 1, 5, 20 and 100 ms: how long packets really took, by the kernel's time stamps at both ends of the way,
and the round trip that packets give (RFC 6298) beside that of TCP_INFO, of the same connections on 127.0.0.1. Both
measure the same packets, so that a busy machine, which makes packets later, makes them later for both.
"""

import os
import socket
import statistics
import sys

from flakeproof.net.packets import Tracker
from flakeproof.net.tcp_info import tcp_info
from flakeproof_worker.lanes.lane_relays import LaneRelays
from flakeproof_worker.perturb import relay
from flakeproof_worker.system import namespace
from flakeproof_worker.system.packet_tap import PacketTap
from flakeproof_worker.system.vantage import ClientView

_CONNECTIONS = 50
_EXCHANGES = 3
_LIMIT_MS, _LIMIT_SHARE = 0.2, 0.02


def main(connections: int) -> int:
    """Measure each delay in a process of its own, which has a network of its own."""
    print("delay   packets took   round trip (packets)   (TCP_INFO)   difference, in the median")
    worst = 0
    for milliseconds in (1, 5, 20, 100):
        relays = LaneRelays(1)
        child = os.fork()
        if not child:
            os._exit(_measure(milliseconds, connections, relays.of(0)))
        worst |= os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return worst


def _measure(milliseconds: int, connections: int, conversation: socket.socket) -> int:
    namespace.enter_network_namespace()
    namespace.bring_up_loopback()
    relay.hand_over(conversation, 1, 1, f"delay={milliseconds / 1000}")
    tap, view, tracker = PacketTap(), ClientView(), Tracker()
    ours, theirs = [], []
    for _ in range(connections):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname())
            server = listener.accept()[0]
            for _ in range(_EXCHANGES):
                client.sendall(b"foo")
                server.sendall(server.recv(3))
                client.recv(3)
            told = tcp_info(client)
            for time, data, length, _ in view.of(tap.read()):
                tracker.feed(time, data, length)
            connection = tracker.between(client.getsockname()[:2], listener.getsockname()[:2])
            assert connection is not None
            ours.append(connection.client.round_trips.smoothed / 1e6)
            theirs.append(told.rtt / 1000)
            client.close()
            server.close()
    differences = [abs(one - other) for one, other in zip(ours, theirs, strict=True)]
    difference, truth = statistics.median(differences), statistics.median(theirs)
    assert view.one_way is not None
    print(
        f"{milliseconds:3} ms   {view.one_way / 1e6:9.3f} ms   {statistics.median(ours):17.3f} ms   {truth:7.3f} ms   "
        f"{difference:.3f} ms ({difference / truth:.2%})",
        flush=True,
    )
    return int(difference > max(_LIMIT_MS, _LIMIT_SHARE * truth))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else _CONNECTIONS))
