"""Dialling within a time limit, and closing so that nothing under way is lost."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from flakeproof.net import (
    async_dial_tcp,
    async_drain,
    async_graceful_close,
    dial_tcp,
    drain,
    graceful_close,
)

if TYPE_CHECKING:
    from tests.integration.net.conftest import Run


@pytest.fixture
def refusing() -> Iterator[tuple[str, int]]:
    """An address at which nobody listens, and nobody else can."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


@pytest.fixture
def full() -> Iterator[tuple[str, int]]:
    """An address whose queue of connections is full, so that a dial gets no answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        queued = []
        while True:
            client = socket.socket()
            queued.append(client)
            client.settimeout(0.05)
            try:
                client.connect(address)
            except TimeoutError:
                break
        yield address
        for client in queued:
            client.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A connected client and its server side."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        served, _ = listener.accept()
    with client, served:
        yield client, served


def test_dial() -> None:
    """A dialled socket is connected, blocking, and limited in time."""
    with socket.create_server(("127.0.0.1", 0)) as listener, dial_tcp(listener.getsockname()) as client:
        assert client.getpeername() == listener.getsockname()
        assert client.gettimeout() == 60.0


def test_dial_without_a_limit_on_operations() -> None:
    """The limit on later operations can be lifted."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = dial_tcp(listener.getsockname(), io_timeout=None)
    with client:
        assert client.gettimeout() is None


def test_dial_a_name() -> None:
    """A host may be a name."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = dial_tcp(("localhost", listener.getsockname()[1]))
    client.close()


def test_dial_refused(refusing: tuple[str, int]) -> None:
    """A refusal names the address."""
    with pytest.raises(ConnectionRefusedError, match=f"dialling 127.0.0.1:{refusing[1]}"):
        dial_tcp(refusing)


def test_dial_times_out(full: tuple[str, int]) -> None:
    """A dial that gets no answer ends at its limit."""
    started = time.monotonic()
    with pytest.raises(TimeoutError, match=f"not connected to 127.0.0.1:{full[1]} within 0.05 s"):
        dial_tcp(full, timeout=0.05)
    assert time.monotonic() - started >= 0.05


def test_async_dial(run: Run) -> None:
    """A dialled socket is connected and non-blocking."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for host in ("127.0.0.1", "localhost"):
                with await async_dial_tcp((host, listener.getsockname()[1])) as client:
                    assert client.getpeername() == listener.getsockname()
                    assert client.gettimeout() == 0
        await asyncio.get_running_loop().shutdown_default_executor()

    run(main())


def test_async_dial_refused(run: Run, refusing: tuple[str, int]) -> None:
    """A refusal names the address."""
    with pytest.raises(ConnectionRefusedError, match=f"dialling 127.0.0.1:{refusing[1]}"):
        run(async_dial_tcp(refusing))


def test_async_dial_times_out(run: Run, full: tuple[str, int]) -> None:
    """A dial that gets no answer ends at its limit."""
    with pytest.raises(TimeoutError, match=f"not connected to 127.0.0.1:{full[1]} within 0.05 s"):
        run(async_dial_tcp(full, timeout=0.05))


def test_async_dial_cancelled(run: Run, full: tuple[str, int]) -> None:
    """A dial that is given up leaves no socket; the fixture counts."""

    async def main() -> None:
        task = asyncio.create_task(async_dial_tcp(full, timeout=30))
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(main())


def test_dial_waits_for_a_place_in_the_queue(run: Run) -> None:
    """A dial that is not answered at once succeeds when it is answered within its limit."""

    async def main() -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            with await async_dial_tcp(listener.getsockname()):
                pending = asyncio.create_task(async_dial_tcp(listener.getsockname(), timeout=30))
                await asyncio.sleep(0.02)
                listener.accept()[0].close()
                # The kernel sends its question again after a second.
                with await pending as client:
                    assert client.getpeername() == listener.getsockname()

    run(main())


def test_drain(pair: tuple[socket.socket, socket.socket]) -> None:
    """It reads to the end and counts."""
    client, served = pair
    client.sendall(bytes(100_000))
    client.close()
    assert drain(served) == 100_000


def test_graceful_close(pair: tuple[socket.socket, socket.socket]) -> None:
    """It says the end, reads what still comes, and closes."""
    client, served = pair

    def answer() -> None:
        assert drain(served) == 3
        served.sendall(bytes(100_000))
        served.close()

    peer = threading.Thread(target=answer)
    peer.start()
    client.sendall(b"foo")
    assert graceful_close(client) == 100_000
    peer.join()
    assert client.fileno() == -1


def test_graceful_close_gives_up(pair: tuple[socket.socket, socket.socket]) -> None:
    """A peer that does not end its side does not hold it for ever, not even by sending on and on."""
    client, served = pair
    stop = threading.Event()

    def trickle() -> None:
        while not stop.wait(0.001):
            served.send(b".")

    peer = threading.Thread(target=trickle)
    peer.start()
    try:
        with pytest.raises(TimeoutError, match=r"did not end its side within 0.05 s"):
            graceful_close(client, timeout=0.05)
    finally:
        stop.set()
        peer.join()
    assert client.fileno() == -1


def test_graceful_close_of_a_reset_connection(pair: tuple[socket.socket, socket.socket]) -> None:
    """A reset is told, and the socket closed."""
    client, served = pair
    served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    served.close()
    with pytest.raises(ConnectionResetError):
        graceful_close(client)
    assert client.fileno() == -1


def test_graceful_close_after_a_strangers_close(pair: tuple[socket.socket, socket.socket]) -> None:
    """A descriptor that somebody closed by number is an ordinary error."""
    client, _ = pair
    os.close(client.fileno())
    with pytest.raises(OSError, match="Bad file descriptor") as caught:
        graceful_close(client)
    assert caught.value.errno == errno.EBADF
    client.detach()


def test_async_graceful_close_gives_up(run: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """The asyncio twin has its limit too."""
    client, _ = pair
    client.setblocking(False)
    with pytest.raises(TimeoutError, match=r"did not end its side within 0.02 s"):
        run(async_graceful_close(client, timeout=0.02))
    assert client.fileno() == -1


def test_async_graceful_close_of_a_reset_connection(run: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """A reset is told, and the socket closed."""
    client, served = pair
    client.setblocking(False)
    served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    served.close()
    with pytest.raises(ConnectionResetError):
        run(async_graceful_close(client))
    assert client.fileno() == -1


def test_async_drain(run: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """It reads to the end and counts."""
    client, served = pair
    served.setblocking(False)
    client.sendall(bytes(100_000))
    client.close()
    assert run(async_drain(served)) == 100_000
