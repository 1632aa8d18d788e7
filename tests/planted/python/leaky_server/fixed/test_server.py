import socket
from collections.abc import Iterator

import pytest
import server


@pytest.fixture
def running() -> Iterator[server.Server]:
    server.visits.clear()
    made = server.Server()
    yield made
    made.shutdown()


def greet(address: tuple[str, int], name: str) -> str:
    with socket.create_connection(address, timeout=5) as connection, connection.makefile("rw") as stream:
        stream.write(f"{name}\n")
        stream.flush()
        return stream.readline()


def test_greets_by_name(running: server.Server) -> None:
    assert greet(running.address, "ada") == "hello ada\n"


def test_nobody_has_been_here_at_first(running: server.Server) -> None:
    assert server.visits == []
