"""The asyncio server on both event loops: what it serves, what it reports, and that nothing is left of it."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import os
import resource
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from flakeproof.net import (
    AsyncTCPServer,
    EdgeLoop,
    ShutdownError,
    async_dial_tcp,
    async_drain,
    async_graceful_close,
)

if TYPE_CHECKING:
    from tests.integration.net.conftest import Run, Strangers


async def echo(sock: socket.socket) -> None:
    """Send back what comes."""
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(sock, 65536):
        await loop.sock_sendall(sock, data)


async def receive(sock: socket.socket, count: int = 1) -> bytes:
    """Receive up to so many bytes."""
    return await asyncio.get_running_loop().sock_recv(sock, count)


async def until(condition: Callable[[], object]) -> None:
    """Let the others run until the condition holds; the test's own limit ends it."""
    while not condition():
        await asyncio.sleep(0)


class Gate:
    """A handler that says when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, sock: socket.socket) -> None:
        self.begun.set()
        await self.opened.wait()


def test_serves_a_connection(run: Run) -> None:
    """A client talks to the handler."""

    async def main() -> None:
        async with AsyncTCPServer(echo) as server:
            with await server.dial() as client:
                await asyncio.get_running_loop().sock_sendall(client, b"foo")
                assert await receive(client, 3) == b"foo"
                assert client.getpeername() == server.address

    run(main())


def test_serves_in_debug_mode(run: Run) -> None:
    """asyncio's debug mode finds nothing to complain of."""

    async def main() -> None:
        async with AsyncTCPServer(echo) as server:
            with await server.dial() as client:
                await asyncio.get_running_loop().sock_sendall(client, b"foo")
                assert await receive(client, 3) == b"foo"

    run(main(), debug=True)


def test_serves_connections_at_once(run: Run) -> None:
    """A connection does not wait for the one before it."""

    async def main() -> None:
        async with AsyncTCPServer(echo) as server:
            clients = [await server.dial() for _ in range(20)]
            for number, client in enumerate(clients):
                client.send(bytes([number]))
            for number, client in enumerate(clients):
                assert await receive(client) == bytes([number])
                client.close()

    run(main())


def test_servers_one_after_another(run: Run) -> None:
    """A server that waited for its connections leaves nothing in the loop that meets the next one's
    numbers."""

    async def main() -> None:
        for _ in range(5):
            async with AsyncTCPServer(echo) as server:
                for _ in range(3):
                    await asyncio.sleep(0.001)  # the acceptor waits
                    with await server.dial() as client:
                        client.send(b"foo")
                        assert await receive(client, 3) == b"foo"

    run(main())


def test_run_and_shutdown_without_with(run: Run) -> None:
    """It can be used step by step, and tells its address to the end."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        host, port = server.address
        assert host == "127.0.0.1"
        assert port > 0
        await server.shutdown()
        assert server.address == (host, port)
        with pytest.raises(ConnectionRefusedError, match=f"dialling 127.0.0.1:{port}"):
            await server.dial()

    run(main())


def test_entered_by_one_task_and_left_by_another(run: Run) -> None:
    """As an asynchronous fixture does it: its set-up and its tear-down are tasks of their own."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = AsyncTCPServer(echo)
        await loop.create_task(server.__aenter__())
        with await server.dial() as client:
            await loop.sock_sendall(client, b"foo")
            assert await receive(client, 3) == b"foo"
            assert server.connections == 1
            await loop.create_task(server.__aexit__(None, None, None))
            assert await receive(client) == b""
        assert server.connections == 0
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_cancelled_inside_of_the_with_block(run: Run) -> None:
    """A body that is cancelled leaves nothing behind, and no handler is cancelled before it could end by itself."""
    gate = Gate()
    ended: list[int] = []
    silent: list[socket.socket] = []

    async def handler(sock: socket.socket) -> None:
        gate.begun.set()
        ended.append(await async_drain(sock))

    async def body() -> None:
        async with AsyncTCPServer(handler) as server:
            client = await server.dial()
            try:
                await asyncio.Event().wait()
            finally:
                silent.append(client)

    async def main() -> None:
        task = asyncio.get_running_loop().create_task(body())
        await gate.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ended == [0]  # by the server, since the client has not closed
        silent[0].close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main())


def test_ipv6(run: Run, ipv6_host: str) -> None:
    """It listens on IPv6."""

    async def main() -> None:
        async with AsyncTCPServer(echo, ipv6_host) as server:
            assert server.address[0] == ipv6_host
            with await server.dial() as client:
                assert client.family == socket.AF_INET6
                client.send(b"foo")
                assert await receive(client, 3) == b"foo"

    run(main())


@pytest.mark.parametrize("host", ["0.0.0.0", "localhost", ""])
def test_other_hosts(run: Run, host: str) -> None:
    """Wildcards and names can be bound, and dialled."""

    async def main() -> None:
        async with AsyncTCPServer(echo, host) as server:
            with await server.dial() as client:
                client.send(b"foo")
                assert await receive(client, 3) == b"foo"

    run(main())


def test_address_in_use(run: Run) -> None:
    """A failed run leaves nothing behind and names the reason."""

    async def main() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            server = AsyncTCPServer(async_drain, port=taken.getsockname()[1])
            with pytest.raises(OSError, match="Address already in use"):
                server.run()

    run(main())


def test_runs_once(run: Run) -> None:
    """A server is not started twice, nor after its shutdown."""

    async def main() -> None:
        async with AsyncTCPServer(async_drain) as server:
            with pytest.raises(RuntimeError, match="started before"):
                server.run()
        with pytest.raises(RuntimeError, match="started before"):
            server.run()

    run(main())


def test_run_without_a_loop() -> None:
    """Outside of an event loop there is nothing to run in."""
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncTCPServer(async_drain).run()


def test_shutdown_before_run(run: Run) -> None:
    """Shutting down what never ran is allowed, and keeps it from running."""

    async def main() -> None:
        for server in (AsyncTCPServer(async_drain), AsyncTCPServer(async_drain)):
            await server.shutdown()
            server.shutdown_threadsafe()
            with pytest.raises(RuntimeError, match="address before run"):
                await server.dial()
            with pytest.raises(RuntimeError, match="started before"):
                server.run()

    run(main())


def test_handler_inherits_the_context_of_run(run: Run) -> None:
    """Context variables set by whoever starts the server are seen in its handlers."""
    variable = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def handler(sock: socket.socket) -> None:
        seen.append(variable.get())
        variable.set("of one handler")

    async def main() -> None:
        variable.set("of the starter")
        async with AsyncTCPServer(handler) as server:
            for _ in range(3):
                with await server.dial() as client:
                    assert await receive(client) == b""

    run(main())
    assert seen == ["of the starter"] * 3


def test_shutdown_ends_a_handler_whose_peer_is_silent(run: Run) -> None:
    """A handler that waits for a peer that says nothing is woken."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial() as client:
            client.send(b"foo")
            await until(lambda: server.connections == 1)
            await server.shutdown()
            assert server.connections == 0
            assert await receive(client) == b""

    run(main())


def test_shutdown_ends_a_handler_whose_peer_does_not_read(run: Run) -> None:
    """A handler that is blocked in sending is woken, and the broken pipe is nobody's error."""
    blocked = False

    async def flood(sock: socket.socket) -> None:
        nonlocal blocked
        try:
            while True:
                sock.send(bytes(65536))
        except BlockingIOError:
            blocked = True
        await asyncio.get_running_loop().sock_sendall(sock, bytes(1 << 24))

    async def main() -> None:
        server = AsyncTCPServer(flood)
        server.run()
        with await server.dial():
            await until(lambda: blocked)
            await asyncio.sleep(0)  # into sock_sendall
            await server.shutdown()
        assert server.errors == ()

    run(main())


def test_shutdown_lets_handlers_finish(run: Run) -> None:
    """A handler whose peer has sent everything and closed gets to read it all."""
    counts: list[int] = []

    async def count(sock: socket.socket) -> None:
        counts.append(await async_drain(sock))

    async def main() -> None:
        server = AsyncTCPServer(count)
        server.run()
        with await server.dial() as client:
            await until(lambda: server.connections == 1)
            client.send(b"foo")
        await server.shutdown()

    run(main())
    assert counts == [3]


def test_shutdown_waits_for_handlers(run: Run) -> None:
    """When shutdown has returned, the handler has ended."""

    async def main() -> None:
        gate = Gate()
        server = AsyncTCPServer(gate)
        server.run()
        with await server.dial():
            await gate.begun.wait()
            asyncio.get_running_loop().call_later(0.05, gate.opened.set)
            await server.shutdown()
            assert gate.opened.is_set()
            assert server.connections == 0

    run(main())


def test_shutdown_twice_and_at_once(run: Run) -> None:
    """Shutdowns at the same time and afterwards all return, after the end of everything."""

    async def main() -> None:
        gate = Gate()
        server = AsyncTCPServer(gate)
        server.run()
        with await server.dial():
            await gate.begun.wait()
            shutdowns = [asyncio.create_task(server.shutdown()) for _ in range(5)]
            shutdowns[0].cancel()
            await asyncio.wait(shutdowns[:1])
            gate.opened.set()
            await asyncio.gather(*shutdowns[1:])
            assert shutdowns[0].cancelled()
            assert server.connections == 0
            await server.shutdown()

    run(main())


def test_cancelled_shutdown_has_shut_the_connections_down(run: Run) -> None:
    """A shutdown that is cancelled while it waits has woken the handlers all the same."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial():
            await until(lambda: server.connections == 1)
            shutdown = asyncio.create_task(server.shutdown())
            await asyncio.sleep(0)
            shutdown.cancel()
            await until(lambda: server.connections == 0)
            await asyncio.wait([shutdown])
            await server.shutdown()

    run(main())


def test_shutdown_from_another_thread(run: Run) -> None:
    """Another thread may shut the server down, and gets its errors."""

    async def handler(sock: socket.socket) -> None:
        await async_drain(sock)
        raise ValueError("mine")

    async def main() -> None:
        server = AsyncTCPServer(handler)
        server.run()
        with await server.dial():
            await until(lambda: server.connections == 1)
            with pytest.raises(ExceptionGroup) as caught:
                await asyncio.to_thread(server.shutdown_threadsafe)
            assert caught.value.subgroup(ValueError) is not None
            assert server.connections == 0
            await asyncio.to_thread(server.shutdown_threadsafe)
        await asyncio.get_running_loop().shutdown_default_executor()

    run(main())


def test_shutdown_threadsafe_in_its_own_loop(run: Run) -> None:
    """Waiting for the loop in the loop is refused."""

    async def main() -> None:
        async with AsyncTCPServer(async_drain) as server:
            with pytest.raises(RuntimeError, match=r"await shutdown\(\) instead"):
                server.shutdown_threadsafe()

    run(main())


def test_shutdown_threadsafe_of_a_blocked_loop(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that does not answer is an error, not a hang."""
    monkeypatch.setattr("flakeproof.net.async_server._ANSWER", 0.02)
    caught: list[ShutdownError] = []

    async def main() -> None:
        async with AsyncTCPServer(async_drain) as server:

            def stop() -> None:
                try:
                    server.shutdown_threadsafe(timeout=0.02)
                except ShutdownError as error:
                    caught.append(error)

            thread = threading.Thread(target=stop)
            thread.start()
            thread.join()  # blocks this loop
        await until(lambda: len(asyncio.all_tasks()) == 1)  # what the thread began is over, too

    run(main())
    assert [unit.name for error in caught for unit in error.unfinished] == ["event loop"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a task group dies with its loop
def test_shutdown_threadsafe_after_the_loops_end(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """A server whose loop was closed under it still gives its descriptors back."""

    async def start(server: AsyncTCPServer) -> socket.socket:
        server.run()
        client = await server.dial()
        await until(lambda: server.connections == 1)
        return client

    def close_the_loop_under_it() -> None:
        loop = new_loop()
        server = AsyncTCPServer(async_drain)
        client = loop.run_until_complete(start(server))
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is meant
        loop.close()
        server.shutdown_threadsafe()
        assert server.connections == 0
        client.close()

    close_the_loop_under_it()
    gc.collect()


def test_shutdown_from_a_handler(run: Run) -> None:
    """A handler that shuts the server down does not wait for itself, nor for another that does the same."""

    async def main() -> None:
        begun: list[asyncio.Task[object] | None] = []

        async def handler(sock: socket.socket) -> None:
            begun.append(asyncio.current_task())
            await until(lambda: len(begun) == 2)
            await server.shutdown()

        server = AsyncTCPServer(handler)
        server.run()
        with await server.dial() as first, await server.dial() as second:
            await until(lambda: len(begun) == 2)
            await server.shutdown()
            assert await receive(first) == b""
            assert await receive(second) == b""
        assert server.errors == ()
        assert server.connections == 0

    run(main())


def test_connections_arriving_during_shutdown(run: Run) -> None:
    """Peers that keep dialling neither delay the shutdown nor slip through it."""

    async def main() -> None:
        for _ in range(20):
            server = AsyncTCPServer(async_drain)
            server.run()
            dialled = 0

            async def dial(server: AsyncTCPServer = server) -> None:
                nonlocal dialled
                while True:
                    try:
                        (await server.dial()).close()
                    except OSError:
                        return
                    dialled += 1
                    await asyncio.sleep(0)

            dialling = [asyncio.create_task(dial()) for _ in range(4)]
            await until(lambda: dialled >= 10)  # noqa: B023
            await server.shutdown()
            assert server.connections == 0
            await asyncio.gather(*dialling)

    run(main())


def test_stuck_handler_is_listed(run: Run) -> None:
    """What does not end is named with its peer and the line at which it stands, and can be waited for
    again."""

    async def main() -> None:
        gate = Gate()
        server = AsyncTCPServer(gate)
        server.run()
        with await server.dial() as client:
            await gate.begun.wait()
            with pytest.raises(ShutdownError) as caught:
                await server.shutdown(timeout=0.02)
            (unit,) = caught.value.unfinished
            assert unit.peer == f"127.0.0.1:{client.getsockname()[1]}"
            assert "handler" in unit.name
            assert "test_async_tcp_server.py" in unit.where
            assert "Gate.__call__" in unit.where
            assert unit.where in str(caught.value)
            gate.opened.set()
            await server.shutdown()
            assert server.connections == 0

    run(main())


def test_handlers_error_is_raised_once(run: Run) -> None:
    """A handler's error is raised from the first shutdown, in a group, and kept; the others go on."""

    async def handler(sock: socket.socket) -> None:
        while data := await receive(sock):
            if data == b"!":
                raise ValueError("mine")
            sock.send(data)

    async def main() -> None:
        server = AsyncTCPServer(handler)
        server.run()
        with await server.dial() as good, await server.dial() as bad:
            bad.send(b"!")
            assert await receive(bad) == b""
            good.send(b".")
            assert await receive(good) == b"."
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert [repr(error) for error in caught.value.exceptions] == ["ValueError('mine')"]
        await server.shutdown()
        assert server.errors == caught.value.exceptions

    run(main())


def test_handlers_error_leaves_the_with_block(run: Run) -> None:
    """The context manager raises what shutdown raises; an error of the body goes first and carries it."""

    async def handler(sock: socket.socket) -> None:
        pytest.fail("seen")  # no Exception, but a BaseException

    async def main(body: bool) -> None:
        async with AsyncTCPServer(handler) as server:
            with await server.dial() as client:
                assert await receive(client) == b""
            if body:
                raise KeyError("body")

    with pytest.raises(BaseExceptionGroup) as group:
        run(main(False))
    assert group.value.subgroup(pytest.fail.Exception) is not None
    with pytest.raises(KeyError) as caught:
        run(main(True))
    assert any("Failed: seen" in note for note in caught.value.__notes__)


def test_reset_by_the_peer_is_an_error(run: Run) -> None:
    """Only what the server's own shutdown causes is excused: a reset by the peer before it is reported."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial() as client:
            await until(lambda: server.connections == 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        await until(lambda: server.connections == 0)
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert caught.value.subgroup(ConnectionResetError) is not None

    run(main())


def test_cancelled_handler_gives_its_connection_back(run: Run) -> None:
    """A handler's task that somebody cancels, even before its first step, does not leak its descriptor."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial() as client:
            while not (tasks := {task for task in asyncio.all_tasks() if task.get_name().endswith("handler")}):
                await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await server.shutdown()
            assert server.connections == 0
            assert await receive(client) == b""
        assert server.errors == ()

    run(main())


def test_everything_cancelled(run: Run) -> None:
    """When all tasks are cancelled, as `asyncio.run` does at its end, accepting is over and nothing is left open."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial() as client:
            await until(lambda: server.connections == 1)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await until(lambda: len(asyncio.all_tasks()) == 1)
            with pytest.raises(ConnectionRefusedError):
                await server.dial()
            await server.shutdown()
            assert server.connections == 0
            assert await receive(client) == b""

    run(main())


def test_task_cancelled_before_its_first_step(run: Run) -> None:
    """The same, in the turn in which the task was made."""

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def factory(
            loop: asyncio.AbstractEventLoop, work: Awaitable[object], **options: object
        ) -> asyncio.Task[object]:
            task: asyncio.Task[object] = asyncio.Task(work, loop=loop)  # type: ignore[arg-type]
            task.cancel()
            return task

        server = AsyncTCPServer(async_drain)
        server.run()
        loop.set_task_factory(factory)  # type: ignore[arg-type]
        with await server.dial():
            await until(lambda: server.connections == 1)
            loop.set_task_factory(None)
            await server.shutdown()
            assert server.connections == 0

    run(main())


@pytest.mark.skipif(not hasattr(asyncio, "eager_task_factory"), reason="eager tasks came with Python 3.12")
def test_eager_tasks(run: Run) -> None:
    """Handlers that begin, or even end, within create_task() are served and awaited."""

    async def at_once(sock: socket.socket) -> None:
        return

    async def shutting(sock: socket.socket) -> None:
        await servers[1].shutdown()

    servers = [AsyncTCPServer(handler) for handler in (at_once, shutting, echo)]

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        for server in servers:
            server.run()
            with await server.dial() as client:
                if server is servers[2]:
                    client.send(b"foo")
                    assert await receive(client, 3) == b"foo"
                else:
                    assert await receive(client) == b""
            await server.shutdown()

    run(main())


def test_deadline(run: Run) -> None:
    """A connection that outlives its deadline ends and is reported; the next one has its own."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain, deadline=0.02)
        server.run()
        with await server.dial() as first:
            assert await receive(first) == b""
            with await server.dial() as second:
                assert await receive(second) == b""
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert [type(error) for error in caught.value.exceptions] == [TimeoutError] * 2
        assert "outlived its deadline of 0.02 s" in str(caught.value.exceptions[0])

    run(main())


def test_no_timer_is_left(run_edge: Run) -> None:
    """With the last connection the deadline's timer goes too."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        before = sum(not timer.cancelled() for _, _, timer in loop._timers)
        async with AsyncTCPServer(echo) as server:
            with await server.dial() as client:
                await until(lambda: server.connections == 1)
                assert sum(not timer.cancelled() for _, _, timer in loop._timers) == before + 1
                client.send(b"foo")
        assert sum(not timer.cancelled() for _, _, timer in loop._timers) == before

    run_edge(main())


@pytest.mark.long
def test_no_descriptor_is_closed_twice(run: Run, new_strangers: Callable[[], Strangers]) -> None:
    """Whoever gets the numbers of a server that has ended keeps them."""

    async def serve() -> AsyncTCPServer:
        server = AsyncTCPServer(async_drain)
        server.run()
        with await server.dial() as client:
            client.send(b"foo")
            await until(lambda: server.connections == 1)
            await server.shutdown()
        return server

    async def main() -> None:
        for _ in range(20):
            server = await serve()
            strangers = new_strangers()
            await server.shutdown()
            del server
            gc.collect()
            await asyncio.sleep(0)
            assert strangers.unharmed()
            strangers.close()

    run(main())


def test_handlers_socket_closed_by_a_stranger_is_reported(run: Run) -> None:
    """A handler's descriptor that somebody closed by number is a finding, not a silent second close."""

    async def handler(sock: socket.socket) -> None:
        os.close(sock.fileno())

    async def main() -> None:
        server = AsyncTCPServer(handler)
        server.run()
        with await server.dial() as client:
            assert await receive(client) == b""
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert [getattr(error, "errno", None) for error in caught.value.exceptions] == [errno.EBADF]

    run(main())


def test_listener_closed_by_a_stranger_is_reported(run: Run) -> None:
    """A listener that somebody closed by number ends the accepting with an error, not with a hang."""

    async def main() -> None:
        server = AsyncTCPServer(async_drain)
        server.run()
        assert server._acceptor is not None
        os.close(server._acceptor._listener.fileno())
        await until(lambda: server.errors)
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert {getattr(error, "errno", None) for error in caught.value.exceptions} == {errno.EBADF}

    run(main())


def test_out_of_descriptors(run: Run) -> None:
    """When descriptors run out the server says so once, and goes on when there are some again."""

    async def main() -> None:
        server = AsyncTCPServer(echo)
        server.run()
        client = socket.socket()
        client.setblocking(False)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        highest = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208
        fillers = [os.dup(0) for _ in range(highest)]  # no gap below the limit
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 1, hard))
            await asyncio.get_running_loop().sock_connect(client, server.address)
            await until(lambda: server.errors)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for filler in fillers:
                os.close(filler)
        client.send(b"foo")
        assert await receive(client, 3) == b"foo"
        client.close()
        with pytest.raises(ExceptionGroup) as caught:
            await server.shutdown()
        assert [getattr(error, "errno", None) for error in caught.value.exceptions] == [errno.EMFILE]

    run(main())


def test_graceful_close_meets_the_end(run: Run) -> None:
    """A client that closes gracefully gets what the handler still sends."""

    async def handler(sock: socket.socket) -> None:
        await async_drain(sock)
        await asyncio.get_running_loop().sock_sendall(sock, b"thanks")

    async def main() -> None:
        async with AsyncTCPServer(handler) as server:
            client = await async_dial_tcp(server.address)
            client.send(b"foo")
            assert await async_graceful_close(client) == len(b"thanks")
            assert client.fileno() == -1

    run(main())


def test_ten_thousand_cycles(run: Run) -> None:
    """Servers can be started and stopped for ever: the fixtures count what is left, the test counts tasks."""

    async def main() -> None:
        for _ in range(5_000):
            server = AsyncTCPServer(async_drain)
            server.run()
            await server.shutdown()
            async with AsyncTCPServer(async_drain):
                pass
            assert len(asyncio.all_tasks()) == 1

    run(main())
