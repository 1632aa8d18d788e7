"""Utilities for tests that use sockets: servers that leave nothing behind, and what goes with them."""

from flakeproof.net.async_server import AsyncTCPServer
from flakeproof.net.background_work import ShutdownError, Unfinished
from flakeproof.net.closing import async_drain, async_graceful_close, drain, graceful_close
from flakeproof.net.dialing import async_dial_tcp, dial_tcp
from flakeproof.net.edge_loop import EdgeLoop, new_event_loop
from flakeproof.net.server import TCPServer
from flakeproof.net.tcp_info import (
    MeasuredRoundTrip,
    NotTCPError,
    TCPInfo,
    TCPInfoUnsupportedError,
    TCPState,
    measured_round_trip,
    round_trip_time,
    tcp_info,
)

__all__ = [
    "AsyncTCPServer",
    "EdgeLoop",
    "MeasuredRoundTrip",
    "NotTCPError",
    "ShutdownError",
    "TCPInfo",
    "TCPInfoUnsupportedError",
    "TCPServer",
    "TCPState",
    "Unfinished",
    "async_dial_tcp",
    "async_drain",
    "async_graceful_close",
    "dial_tcp",
    "drain",
    "graceful_close",
    "measured_round_trip",
    "new_event_loop",
    "round_trip_time",
    "tcp_info",
]
