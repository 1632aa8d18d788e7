"""TCP connections from packets: round-trip times without eBPF, who closed, what was lost, sent again or never seen.

Pure: packets with time stamps in, connections out. `Tracker` follows them, `pcap` reads and writes captures.
"""

from flakeproof.net.packets.connection import Closing, Connection, Endpoint, How
from flakeproof.net.packets.headers import Segment, SegmentReader
from flakeproof.net.packets.pcap import NotACaptureError, Packet
from flakeproof.net.packets.round_trips import RoundTrips, ranges_in_kernel
from flakeproof.net.packets.tracker import Tracker

__all__ = [
    "Closing",
    "Connection",
    "Endpoint",
    "How",
    "NotACaptureError",
    "Packet",
    "RoundTrips",
    "Segment",
    "SegmentReader",
    "Tracker",
    "ranges_in_kernel",
]
