"""The threaded server: what it serves, what it reports, and that nothing is left of it."""

from __future__ import annotations

import errno
import gc
import os
import resource
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from flakeproof.net import ShutdownError, TCPServer, dial_tcp, drain
from flakeproof.net.server_sockets import ServedSocket

if TYPE_CHECKING:
    from tests.integration.net.conftest import Strangers, WaitUntil

LIMIT = 30.0


def open_descriptors() -> list[int]:
    """Numbers of the open descriptors, the one that lists them among them."""
    return [int(name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208


def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    while data := sock.recv(65536):
        sock.sendall(data)


class Gate:
    """A handler that says when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.opened = threading.Event()

    def __call__(self, sock: socket.socket) -> None:
        self.begun.release()
        assert self.opened.wait(LIMIT)


def test_serves_a_connection() -> None:
    """A client talks to the handler."""
    with TCPServer(echo) as server, server.dial() as client:
        client.sendall(b"foo")
        assert client.recv(3) == b"foo"
        assert client.getpeername() == server.address


def test_serves_connections_at_once() -> None:
    """A connection does not wait for the one before it."""
    with TCPServer(echo) as server:
        clients = [server.dial() for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(bytes([number]))
        for number, client in enumerate(clients):
            assert client.recv(1) == bytes([number])
            client.close()


def test_run_and_shutdown_without_with() -> None:
    """It can be used step by step, and tells its address to the end."""
    server = TCPServer(drain)
    server.run()
    host, port = server.address
    assert host == "127.0.0.1"
    assert port > 0
    server.shutdown()
    assert server.address == (host, port)
    with pytest.raises(ConnectionRefusedError, match=f"dialling 127.0.0.1:{port}"):
        server.dial()


def test_ipv6(ipv6_host: str) -> None:
    """It listens on IPv6."""
    with TCPServer(echo, ipv6_host) as server, server.dial() as client:
        assert server.address[0] == ipv6_host
        assert client.family == socket.AF_INET6
        client.sendall(b"foo")
        assert client.recv(3) == b"foo"


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", ""])
def test_other_hosts(host: str) -> None:
    """Wildcards and names can be bound, and dialled."""
    with TCPServer(echo, host) as server, server.dial() as client:
        client.sendall(b"foo")
        assert client.recv(3) == b"foo"


def test_given_port_again() -> None:
    """A port can be bound by number although connections of a server before are in TIME_WAIT there."""
    # A loopback address of this process alone, so that nobody else takes the port in between.
    host = f"127.87.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
    with TCPServer(drain, host) as server:
        port = server.address[1]
    for _ in range(2):
        # The side that closes first is the one that waits.
        with TCPServer(lambda sock: sock.close(), host, port) as server, server.dial() as client:
            assert server.address == (host, port)
            assert client.recv(1) == b""


def test_address_in_use() -> None:
    """A failed run leaves nothing behind and names the reason."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = TCPServer(drain, port=taken.getsockname()[1])
        with pytest.raises(OSError, match="Address already in use"):
            server.run()


def test_runs_once() -> None:
    """A server is not started twice, nor after its shutdown."""
    with TCPServer(drain) as server, pytest.raises(RuntimeError, match="started before"):
        server.run()
    with pytest.raises(RuntimeError, match="started before"):
        server.run()


def test_shutdown_before_run() -> None:
    """Shutting down what never ran is allowed, and keeps it from running."""
    server = TCPServer(drain)
    server.shutdown()
    with pytest.raises(RuntimeError, match="address before run"):
        _ = server.address
    with pytest.raises(RuntimeError, match="started before"):
        server.run()


def test_shutdown_ends_a_handler_whose_peer_is_silent(wait_until: WaitUntil) -> None:
    """A handler that waits for a peer that says nothing is woken."""
    server = TCPServer(drain)
    server.run()
    with server.dial() as client:
        client.sendall(b"foo")
        wait_until(lambda: server.connections == 1)
        server.shutdown()
        assert server.connections == 0
        assert client.recv(1) == b""


def test_shutdown_ends_a_handler_whose_peer_does_not_read() -> None:
    """A handler that is blocked in sending is woken, and the broken pipe is nobody's error."""
    blocked = threading.Event()

    def flood(sock: socket.socket) -> None:
        sock.setblocking(False)
        try:
            while True:
                sock.send(bytes(65536))
        except BlockingIOError:
            sock.setblocking(True)
        blocked.set()
        while True:
            sock.send(bytes(65536))

    server = TCPServer(flood)
    server.run()
    with server.dial():
        assert blocked.wait(LIMIT)
        server.shutdown()
    assert server.errors == ()


def test_shutdown_waits_for_handlers() -> None:
    """When shutdown has returned, the handler has ended."""
    gate = Gate()
    ended = threading.Event()

    def handler(sock: socket.socket) -> None:
        gate(sock)
        ended.set()

    server = TCPServer(handler)
    server.run()
    with server.dial():
        assert gate.begun.acquire(timeout=LIMIT)
        opener = threading.Timer(0.05, gate.opened.set)
        opener.start()
        server.shutdown()
        assert ended.is_set()
        opener.join()


def test_shutdown_twice() -> None:
    """The second shutdown finds nothing to do."""
    server = TCPServer(drain)
    server.run()
    with server.dial():
        server.shutdown()
        server.shutdown()


def test_shutdown_at_once_from_many_threads() -> None:
    """Concurrent shutdowns all return, and only after the end of everything."""
    server = TCPServer(drain)
    server.run()
    clients = [server.dial() for _ in range(5)]
    left: list[int] = []

    def stop() -> None:
        server.shutdown()
        left.append(server.connections)

    threads = [threading.Thread(target=stop) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    assert left == [0] * 8


def test_shutdown_from_a_handler() -> None:
    """A handler that shuts the server down does not wait for itself."""
    outcome: list[BaseException | None] = []

    def handler(sock: socket.socket) -> None:
        try:
            server.shutdown()
        except BaseException as error:
            outcome.append(error)
            raise
        outcome.append(None)

    server = TCPServer(handler)
    server.run()
    with server.dial() as client:
        assert client.recv(1) == b""
    server.shutdown()
    assert outcome == [None]


def test_shutdown_from_two_handlers() -> None:
    """Two handlers that shut the server down do not wait for each other."""
    both = threading.Barrier(2)

    def handler(sock: socket.socket) -> None:
        both.wait(LIMIT)
        server.shutdown()

    server = TCPServer(handler)
    server.run()
    with server.dial() as first, server.dial() as second:
        assert first.recv(1) == b""
        assert second.recv(1) == b""
    server.shutdown()


def test_connections_arriving_during_shutdown() -> None:
    """Peers that keep dialling neither delay the shutdown nor slip through it."""

    def dial(address: tuple[str, int], dialled: threading.Semaphore) -> None:
        while True:
            try:
                with dial_tcp(address) as client:
                    client.shutdown(socket.SHUT_WR)
                    assert client.recv(1) == b""
            except OSError:
                return
            dialled.release()

    for _ in range(20):
        server = TCPServer(drain)
        server.run()
        dialled = threading.Semaphore(0)
        threads = [threading.Thread(target=dial, args=(server.address, dialled)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            assert dialled.acquire(timeout=LIMIT)
        server.shutdown()
        assert server.connections == 0
        for thread in threads:
            thread.join()


def test_connection_accepted_after_shutdown_began_is_not_served(wait_until: WaitUntil) -> None:
    """A connection that the accept thread has in hand when the shutdown begins gets no handler."""
    served: list[socket.socket] = []
    server = TCPServer(served.append, deadline=None)  # without deadlines only a connection needs the lock
    server.run()
    count = len(open_descriptors())
    with server._lock:  # the accept thread cannot go on with what it has accepted
        client = server.dial()
        wait_until(lambda: len(open_descriptors()) == count + 2)
        server._stopping = True
    server.shutdown()
    with client:
        assert client.recv(1) == b""
    assert served == []


def test_stuck_handler_is_listed() -> None:
    """What does not end is named with its peer and the line at which it stands, and can be waited for
    again."""
    gate = Gate()
    server = TCPServer(gate)
    server.run()
    with server.dial() as client:
        assert gate.begun.acquire(timeout=LIMIT)
        with pytest.raises(ShutdownError) as caught:
            server.shutdown(timeout=0.05)
        (unit,) = caught.value.unfinished
        assert unit.peer == f"127.0.0.1:{client.getsockname()[1]}"
        assert "handler" in unit.name
        assert "test_tcp_server.py" in unit.where
        assert "Gate.__call__" in unit.where
        assert unit.where in str(caught.value)
        assert server.connections == 1
        gate.opened.set()
        server.shutdown()
        assert server.connections == 0


def test_stuck_handler_does_not_hide_errors() -> None:
    """Errors of other handlers are the cause of the shutdown's error."""
    gate = Gate()

    def handler(sock: socket.socket) -> None:
        if sock.recv(1) == b"!":
            raise ValueError("mine")
        gate(sock)

    server = TCPServer(handler)
    server.run()
    with server.dial() as bad, server.dial() as stuck:
        bad.sendall(b"!")
        assert bad.recv(1) == b""
        stuck.sendall(b".")
        assert gate.begun.acquire(timeout=LIMIT)
        with pytest.raises(ShutdownError) as caught:
            server.shutdown(timeout=0.05)
        assert isinstance(caught.value.__cause__, ExceptionGroup)
        assert caught.value.__cause__.subgroup(ValueError) is not None
        gate.opened.set()
        server.shutdown()


def test_handlers_error_is_raised_once() -> None:
    """A handler's error is raised from the first shutdown, in a group, and kept."""

    def handler(sock: socket.socket) -> None:
        raise ValueError("mine")

    server = TCPServer(handler)
    server.run()
    with server.dial() as client:
        assert client.recv(1) == b""
    with pytest.raises(ExceptionGroup) as caught:
        server.shutdown()
    assert [repr(error) for error in caught.value.exceptions] == ["ValueError('mine')"]
    server.shutdown()
    assert server.errors == caught.value.exceptions


def test_handlers_error_does_not_stop_the_others() -> None:
    """One handler fails, another goes on."""

    def handler(sock: socket.socket) -> None:
        while data := sock.recv(1):
            if data == b"!":
                raise ValueError("mine")
            sock.sendall(data)

    server = TCPServer(handler)
    server.run()
    with server.dial() as good, server.dial() as bad:
        bad.sendall(b"!")
        assert bad.recv(1) == b""
        good.sendall(b".")
        assert good.recv(1) == b"."
    with pytest.raises(ExceptionGroup):
        server.shutdown()


def test_handlers_error_leaves_the_with_block() -> None:
    """The context manager raises what shutdown raises."""

    def handler(sock: socket.socket) -> None:
        raise ValueError("mine")

    with (
        pytest.raises(ExceptionGroup) as caught,
        TCPServer(handler) as server,
        server.dial() as client,
    ):
        assert client.recv(1) == b""
    assert caught.value.subgroup(ValueError) is not None


def test_error_of_the_body_is_not_replaced() -> None:
    """The body's own error comes out, and carries the handler's as a note."""

    def handler(sock: socket.socket) -> None:
        raise ValueError("mine")

    def body() -> None:
        with TCPServer(handler) as server, server.dial() as client:
            assert client.recv(1) == b""
            raise KeyError("body")

    with pytest.raises(KeyError) as caught:
        body()
    assert any("ValueError: mine" in note for note in caught.value.__notes__)


def test_pytest_fail_in_a_handler() -> None:
    """Even an error that is no Exception, such as pytest's own, is reported."""

    def handler(sock: socket.socket) -> None:
        pytest.fail("seen")

    server = TCPServer(handler)
    server.run()
    with server.dial() as client:
        assert client.recv(1) == b""
    with pytest.raises(BaseExceptionGroup) as caught:
        server.shutdown()
    assert caught.value.subgroup(pytest.fail.Exception) is not None


def test_reset_by_the_peer_is_an_error() -> None:
    """Only what the server's own shutdown causes is excused: a reset by the peer before it is reported."""
    failed = threading.Event()

    def handler(sock: socket.socket) -> None:
        try:
            drain(sock)
        finally:
            failed.set()

    server = TCPServer(handler)
    server.run()
    with server.dial() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert failed.wait(LIMIT)
    with pytest.raises(ExceptionGroup) as caught:
        server.shutdown()
    assert caught.value.subgroup(ConnectionResetError) is not None


def test_deadline() -> None:
    """A connection that outlives its deadline ends and is reported; the next one has its own."""
    server = TCPServer(drain, deadline=0.05)
    server.run()
    with server.dial() as first:
        assert first.recv(1) == b""
        with server.dial() as second:
            assert second.recv(1) == b""
    with pytest.raises(ExceptionGroup) as caught:
        server.shutdown()
    assert [type(error) for error in caught.value.exceptions] == [TimeoutError] * 2
    assert "outlived its deadline of 0.05 s" in str(caught.value.exceptions[0])


def test_no_deadline() -> None:
    """Without a deadline nothing expires."""
    with TCPServer(echo, deadline=None) as server, server.dial() as client:
        client.sendall(b"foo")
        assert client.recv(3) == b"foo"


def test_handler_may_close() -> None:
    """A handler that closes its connection itself is not followed by a second close."""

    def handler(sock: socket.socket) -> None:
        drain(sock)
        sock.close()

    with TCPServer(handler) as server, server.dial() as client:
        client.sendall(b"foo")


def test_socket_is_not_closed_while_it_is_shut_down() -> None:
    """A handler's close waits for another thread that has looked the number up to shut the connection
    down."""
    one, other = socket.socketpair()
    served = ServedSocket(socket.AF_UNIX, one.detach())
    number = served.fileno()
    begun = threading.Event()

    def close() -> None:
        begun.set()
        served.close()

    with other, served._turn:
        closing = threading.Thread(target=close)
        closing.start()
        assert begun.wait(LIMIT)
        closing.join(0.02)
        assert closing.is_alive()
        assert served.fileno() == number
    closing.join()
    assert served.fileno() == -1
    served.shut_down()


def test_closing_and_shutting_down_at_once(new_strangers: Callable[[], Strangers]) -> None:
    """Handlers that close their connections while the server shuts them down harm no stranger."""

    def handler(sock: socket.socket) -> None:
        drain(sock)
        sock.close()

    for _ in range(20):
        server = TCPServer(handler)
        server.run()
        clients = [server.dial() for _ in range(4)]
        closing = threading.Thread(target=lambda clients=clients: [client.close() for client in clients])
        closing.start()
        server.shutdown()
        strangers = new_strangers()
        closing.join()
        assert strangers.unharmed()
        strangers.close()


@pytest.mark.long
def test_no_descriptor_is_closed_twice(new_strangers: Callable[[], Strangers]) -> None:
    """Whoever gets the numbers of a server that has ended keeps them."""
    for _ in range(20):
        server = TCPServer(drain)
        server.run()
        with server.dial() as client:
            client.sendall(b"foo")
            server.shutdown()
        strangers = new_strangers()
        server.shutdown()
        del server, client
        gc.collect()
        assert strangers.unharmed()
        strangers.close()


def test_numbers_freed_while_serving_are_safe(wait_until: WaitUntil) -> None:
    """Numbers of connections that ended are not touched by the shutdown later on."""
    server = TCPServer(drain)
    server.run()
    clients = [server.dial() for _ in range(8)]
    wait_until(lambda: server.connections == 8)
    for client in clients:
        client.close()
    wait_until(lambda: server.connections == 0 and all("handler" not in t.name for t in threading.enumerate()))
    pairs = [socket.socketpair() for _ in range(16)]
    server.shutdown()
    for one, other in pairs:
        one.sendall(b"x")
        assert other.recv(1) == b"x"
        one.close()
        other.close()


def test_handlers_socket_closed_by_a_stranger_is_reported() -> None:
    """A handler's descriptor that somebody closed by number is a finding, not a silent second close."""

    def handler(sock: socket.socket) -> None:
        os.close(sock.fileno())

    server = TCPServer(handler)
    server.run()
    with server.dial() as client:
        assert client.recv(1) == b""
    with pytest.raises(ExceptionGroup) as caught:
        server.shutdown()
    assert [getattr(error, "errno", None) for error in caught.value.exceptions] == [errno.EBADF]


@pytest.mark.skipif(sys.platform != "linux", reason="needs RLIMIT_NOFILE to stop accept")
def test_out_of_descriptors(wait_until: WaitUntil) -> None:
    """When descriptors run out the server says so once, and goes on when there are some again."""
    server = TCPServer(echo)
    server.run()
    client = socket.socket()
    client.settimeout(LIMIT)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(open_descriptors())
    fillers = [os.dup(0) for _ in range(highest)]  # no gap below the limit
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 1, hard))
        client.connect(server.address)
        wait_until(lambda: server.errors)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for filler in fillers:
            os.close(filler)
    client.sendall(b"foo")
    assert client.recv(3) == b"foo"
    client.close()
    with pytest.raises(ExceptionGroup) as caught:
        server.shutdown()
    assert [getattr(error, "errno", None) for error in caught.value.exceptions] == [errno.EMFILE]


@pytest.mark.long
def test_a_thousand_cycles() -> None:
    """Servers can be started and stopped for ever: the fixture counts what is left."""
    threads = threading.active_count()
    for _ in range(1_000):
        server = TCPServer(drain)
        server.run()
        server.shutdown()
        assert threading.active_count() == threads
