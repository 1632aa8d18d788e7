"""The flaky test that flakeproof started from: dial a test server, let the round-trip time settle, write, read it.

One trial: start a server on an ephemeral loopback port whose handler drains the connection and closes it; dial it;
wait; write `foo`; read TCP_INFO from the client's socket; close; shut the server down. With the monitor `packets` the
round-trip time of TCP_INFO and its variation must be what the packets say.
"""

import asyncio
import errno
import socket
import time
from contextlib import suppress

from flakeproof.net import AsyncTCPServer, TCPServer, async_drain, drain, round_trip_time
from flakeproof.scenarios import packet_monitor
from flakeproof.scenarios.leaky_server import LeakyAsyncTCPServer, LeakyTCPServer

_PAYLOAD = b"foo"
_WRITE_TIMEOUT = 1.0
"""Seconds. Three bytes into an empty buffer never have to wait, unless the descriptor is somebody else's by now."""
_ASYNC_SERVERS = {"fixed": AsyncTCPServer, "leaky": LeakyAsyncTCPServer}
_THREAD_SERVERS = {"fixed": TCPServer, "leaky": LeakyTCPServer}


class StepError(OSError):
    """A step of the trial failed; names the step, both ends of the connection, and what its packets say, if seen."""

    def __init__(self, step: str, local: object, remote: object, error: OSError, wire: str = "") -> None:
        super().__init__(error.errno or errno.EIO, error.strerror or str(error))
        self.step = step
        self.local = local
        self.remote = remote
        self.wire = wire

    def __str__(self) -> str:
        ends = f"local={_end(self.local)}, remote={_end(self.remote)}"
        wire = f"; on the wire: {self.wire}" if self.wire else ""
        return f"{self.step} failed ({ends}): [Errno {self.errno}] {self.strerror}{wire}"


async def trial_asyncio(server: str, settle: float, monitor: str = "none") -> None:
    """One trial in the running event loop; `settle` in seconds.

    Raises StepError.
    """
    step, local, remote, wire = "listen", None, None, ""
    try:
        async with _ASYNC_SERVERS[server](async_drain) as running:
            step, remote = "dial", running.address
            watched = packet_monitor.watch() if monitor == "packets" else None
            client = await running.dial()
            try:
                step = "getsockname"
                local = client.getsockname()
                await asyncio.sleep(settle)
                step = "write"
                if watched is not None:
                    watched.writes()
                client.send(_PAYLOAD)  # three bytes into an empty buffer never have to wait, and go whole
                step = "reading TCP_INFO"
                if watched is None:
                    _check(round_trip_time(client))
                else:
                    info = watched.reads(client)
                    _check(info.rtt)
                    step = "holding TCP_INFO against packets"
                    watched.compare(info, local, remote)
            except BaseException:
                if watched is not None and local is not None:
                    wire = watched.story(local, running.address)
                _give_up(client)
                raise
            step = "close"
            client.close()
            step = "shutdown"
    except OSError as error:
        raise StepError(step, local, remote, error, wire) from error


def trial_threads(server: str, settle: float, monitor: str = "none") -> None:
    """One trial with a thread for the server and one for the connection; `settle` in seconds.

    Raises StepError.
    """
    step, local, remote, wire = "listen", None, None, ""
    try:
        with _THREAD_SERVERS[server](drain) as running:
            step, remote = "dial", running.address
            watched = packet_monitor.watch() if monitor == "packets" else None
            client = running.dial()
            try:
                step = "getsockname"
                local = client.getsockname()
                client.settimeout(_WRITE_TIMEOUT)
                if settle:
                    time.sleep(settle)
                step = "write"
                if watched is not None:
                    watched.writes()
                client.send(_PAYLOAD)
                step = "reading TCP_INFO"
                if watched is None:
                    _check(round_trip_time(client))
                else:
                    info = watched.reads(client)
                    _check(info.rtt)
                    step = "holding TCP_INFO against packets"
                    watched.compare(info, local, remote)
            except BaseException:
                if watched is not None and local is not None:
                    wire = watched.story(local, running.address)
                _give_up(client)
                raise
            step = "close"
            client.close()
            step = "shutdown"
    except OSError as error:
        raise StepError(step, local, remote, error, wire) from error


def _check(round_trip: int) -> None:
    if round_trip <= 0:
        raise OSError(errno.ENODATA, "no round-trip time has been measured")


def _give_up(client: socket.socket) -> None:
    """Close after a failure, whose error must not be replaced by that of the close."""
    with suppress(OSError):
        client.close()


def _end(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else "unknown"
