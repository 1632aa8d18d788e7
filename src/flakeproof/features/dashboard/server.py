"""The server: a port, uvicorn, and a clean end by Ctrl-C or SIGTERM."""

import asyncio
import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from flakeproof import signals
from flakeproof.errors import ExitCode, UsageError

_MOST_CONNECTIONS = 200
_GRACE_SECONDS = 3
_BACKLOG = 128


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 is any free one. Raises UsageError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        told = error.strerror if isinstance(error, socket.gaierror) else "it is no name"
        raise UsageError(f"--host {host!r} cannot be found: {told}", "name an address of this machine") from None
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"port {port} of {host} is in use", "--port 0 takes a free one, --port N another one"
            ) from None
        if error.errno == errno.EADDRNOTAVAIL:
            raise UsageError(f"--host {host!r} is no address of this machine", "see `ip address`") from None
        remedy = "ports below 1024 are the system's: --port 0 takes a free one" if port < 1024 else "see --host, --port"
        raise UsageError(f"port {port} of {host} cannot be opened: {os.strerror(error.errno or 0)}", remedy) from None
    return made


def address_of(made: socket.socket, host: str) -> str:
    """What to type into a browser; where all addresses are listened on, the name of this machine is in it."""
    port = made.getsockname()[1]
    with suppress(ValueError):
        if ipaddress.ip_address(host).is_unspecified:
            host = socket.gethostname()
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


class EndingServer(uvicorn.Server):
    """uvicorn, without handlers of its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever has started the server."""
        yield


class ServerEnd:
    """Whether the server is to end; streams look at it."""

    def __init__(self) -> None:
        self.signal: int | None = None


def serve(app: ASGIApp, made: socket.socket, ending: ServerEnd) -> ExitCode:
    """Serve until a signal ends it; the exit code tells which one."""
    server = EndingServer(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )

    def end(number: int, frame: FrameType | None) -> None:
        server.force_exit = ending.signal is not None  # a second one does not wait for what is being sent
        if ending.signal is None:
            ending.signal = number
            signals.note(number)
        server.should_exit = True

    with signals.handled(end):
        asyncio.run(server.serve(sockets=[made]))
    return ExitCode.INTERRUPTED if ending.signal == signal.SIGINT else ExitCode.TERMINATED
