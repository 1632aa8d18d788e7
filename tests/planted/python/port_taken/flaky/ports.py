"""Servers of a development environment, from port 21800 up."""

import socket

FIRST = 21800


def free_port() -> int:
    """The first port that nobody uses."""
    for port in range(FIRST, FIRST + 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))  # guilty
            except OSError:
                continue
            return port  # guilty
    raise RuntimeError("all ports are in use")


def serve() -> socket.socket:
    """A listener on the first free port."""
    return socket.create_server(("127.0.0.1", free_port()))  # guilty
