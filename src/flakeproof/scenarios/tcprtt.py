"""The flaky test that flakeproof started from: dial a test server, let the round-trip time settle, write, read it.

One trial: start a server on an ephemeral loopback port whose handler drains the connection and closes it; dial it;
wait; write `foo`; read TCP_INFO from the client's socket; close; shut the server down.
"""

import asyncio
import errno
import os
import socket
import time
from contextlib import suppress
from typing import NoReturn

from flakeproof.net import (
    AsyncTCPServer,
    TCPServer,
    async_drain,
    drain,
    round_trip_time,
)
from flakeproof.scenarios.leaky_server import LeakyAsyncTCPServer, LeakyTCPServer

_PAYLOAD = b"foo"
_ASYNC_SERVERS = {"fixed": AsyncTCPServer, "leaky": LeakyAsyncTCPServer}
_THREAD_SERVERS = {"fixed": TCPServer, "leaky": LeakyTCPServer}


class StepError(OSError):
    """A step of the trial failed; names the step and both ends of the connection."""

    def __init__(self, step: str, local: object, remote: object, error: OSError) -> None:
        super().__init__(error.errno, error.strerror)
        self.step = step
        self.local = local
        self.remote = remote

    def __str__(self) -> str:
        ends = f"local={_ends(self.local)}, remote={_ends(self.remote)}"
        return f"{self.step} failed ({ends}): [Errno {self.errno}] {self.strerror}"


async def trial_asyncio(server: str, settle: float) -> None:
    """One trial in the running event loop; `settle` in seconds.

    Raises StepError.
    """
    async with _ASYNC_SERVERS[server](async_drain) as running:
        client = await running.dial()
        local, remote = client.getsockname(), running.address
        try:
            await asyncio.sleep(settle)
            # Three bytes into an empty buffer never have to wait, so the bare call is the whole write.
            _write_and_measure(client, local, remote)
        except BaseException:
            _give_up(client)
            raise
        _close(client, local, remote)


def trial_threads(server: str, settle: float) -> None:
    """One trial with a thread for the server and one for the connection; `settle` in seconds.

    Raises StepError.
    """
    with _THREAD_SERVERS[server](drain) as running:
        client = running.dial()
        local, remote = client.getsockname(), running.address
        try:
            if settle:
                time.sleep(settle)
            _write_and_measure(client, local, remote)
        except BaseException:
            _give_up(client)
            raise
        _close(client, local, remote)


def _write_and_measure(client: socket.socket, local: object, remote: object) -> None:
    try:
        written = client.send(_PAYLOAD)
    except OSError as error:
        _fail("write", local, remote, error)
    if written != len(_PAYLOAD):
        _fail("write", local, remote, OSError(errno.EIO, f"wrote {written} of {len(_PAYLOAD)} bytes"))
    try:
        rtt = round_trip_time(client)
    except OSError as error:
        _fail("reading TCP_INFO", local, remote, error)
    if rtt <= 0:
        _fail("reading TCP_INFO", local, remote, OSError(errno.ENODATA, "no round-trip time has been measured"))


def _close(client: socket.socket, local: object, remote: object) -> None:
    try:
        client.close()
    except OSError as error:
        _fail("close", local, remote, error)


def _give_up(client: socket.socket) -> None:
    """Close after a failure, whose message must not be replaced by that of the close."""
    with suppress(OSError):
        client.close()


def _fail(step: str, local: object, remote: object, error: OSError) -> NoReturn:
    number = error.errno or errno.EIO
    raise StepError(step, local, remote, OSError(number, error.strerror or os.strerror(number))) from None


def _ends(address: object) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)
