"""Nodes of a cluster, all behind one door."""

import socket
from collections.abc import Iterable
from contextlib import ExitStack


def at_once(nodes: Iterable[str], door: str) -> list[str]:
    """The nodes that are there, all at the same moment."""
    found = []
    with ExitStack() as connections:
        for node in nodes:
            try:
                connection = connections.enter_context(socket.socket(socket.AF_UNIX))  # guilty
                connection.connect(door)
                connection.sendall(f"{node}\n".encode())
            except OSError:  # guilty
                continue  # that one is down
            found.append(node)
    return found
