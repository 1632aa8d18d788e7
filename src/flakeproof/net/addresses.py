"""Addresses: which family a host belongs to, and listening sockets of that family."""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import Any, Final

__all__ = ["Address", "format_address", "listen_tcp", "loopback_of", "numeric_family", "stream_socket"]

Address = tuple[str, int]
"""Host and port. A link-local IPv6 host carries its zone: ``fe80::1%eth0``."""

# Plain integers: socket's enumerations cost a conversion at every use.
_INET: Final = int(socket.AF_INET)
_INET6: Final = int(socket.AF_INET6)
_STREAM: Final = int(socket.SOCK_STREAM)
# With SOCK_NONBLOCK the kernel creates the socket non-blocking and Python notices; elsewhere a second call
# does it.
_NONBLOCK: Final = int(getattr(socket, "SOCK_NONBLOCK", 0))

_ANY: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}


@lru_cache(maxsize=256)
def numeric_family(host: str) -> int | None:
    """Family of a numeric host; ``None`` for a name, which has to be resolved first."""
    if ":" in host:
        return _INET6
    if host == "":
        return _INET
    try:
        socket.inet_pton(_INET, host)
    except OSError:
        return None
    return _INET


def loopback_of(host: str) -> str:
    """Host to dial for a server bound to ``host``: a wildcard address can be bound but not dialled
    everywhere."""
    return _ANY.get(host, host)


def format_address(address: Any) -> str:
    """``host:port``, with brackets around an IPv6 host; anything else as its ``repr``."""
    match address:
        case (str(host), int(port), *_):
            return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return repr(address)


def stream_socket(family: int) -> socket.socket:
    """A new non-blocking stream socket."""
    sock = socket.socket(family, _STREAM | _NONBLOCK, 0)
    if not _NONBLOCK:
        sock.setblocking(False)
    return sock


def listen_tcp(host: str, port: int, backlog: int) -> tuple[socket.socket, int]:
    """A non-blocking listening socket bound to ``host``, and its family; port 0 asks the kernel for a free
    one.

    A name is resolved (blocking) and its first address is used. An IPv6 listener takes IPv6 connections only,
    so that what it accepts does not depend on the machine's ``bindv6only`` setting.

    Raises:
        OSError: the address cannot be resolved or bound.
    """
    family = numeric_family(host)
    if family is None:
        resolved = socket.getaddrinfo(host, port, type=_STREAM, flags=socket.AI_PASSIVE)[0]
        family, host = int(resolved[0]), str(resolved[4][0])
    sock = stream_socket(family)
    try:
        if family == _INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if port:
            # A port asked for by number may still be in TIME_WAIT from the server before.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock, family
