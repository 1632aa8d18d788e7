"""Servers of a development environment, from port 21800 up."""

import socket

FIRST = 21800


def serve() -> socket.socket:
    """A listener on the first free port."""
    for port in range(FIRST, FIRST + 1000):
        try:
            return socket.create_server(("127.0.0.1", port))
        except OSError:
            continue
    raise RuntimeError("all ports are in use")
