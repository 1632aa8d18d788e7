"""EdgeLoop keeps asyncio's promises: callbacks, timers, sockets, transports, subprocesses, signals,
threads."""

from __future__ import annotations

import asyncio
import contextvars
import errno
import gc
import os
import signal
import socket
import ssl
import sys
import threading
import time
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from flakeproof.net import EdgeLoop, new_event_loop

if TYPE_CHECKING:
    from tests.integration.net.conftest import Run

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="EdgeLoop needs Linux's epoll")


@pytest.fixture(autouse=True)
def no_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that was forgotten is not to be rescued by the sweep, a second later."""
    monkeypatch.setattr("flakeproof.net.edge_loop._SWEEP", 1e5)


@pytest.fixture
def loop() -> Iterator[EdgeLoop]:
    """A loop to drive by hand."""
    loop = EdgeLoop()
    yield loop
    loop.close()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected non-blocking sockets."""
    one, other = socket.socketpair()
    one.setblocking(False)
    other.setblocking(False)
    with one, other:
        yield one, other


def fill(sock: socket.socket) -> int:
    """Send until the buffer is full; how many bytes it took."""
    sent = 0
    try:
        while True:
            sent += sock.send(bytes(65536))
    except BlockingIOError:
        return sent


async def turns(count: int = 3) -> None:
    """Let everybody else run a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


# -- callbacks and timers


def test_new_event_loop() -> None:
    """Where there is epoll, it is the loop to have."""
    loop = new_event_loop()
    assert isinstance(loop, EdgeLoop)
    loop.close()


def test_new_event_loop_falls_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere it is asyncio's own, and EdgeLoop says why."""
    monkeypatch.setattr("flakeproof.net.edge_loop.supported", lambda: False)
    loop = new_event_loop()
    assert not isinstance(loop, EdgeLoop)
    loop.close()
    with pytest.raises(NotImplementedError, match=r"needs Linux's epoll .* new_event_loop\(\)"):
        EdgeLoop()


def test_callbacks_run_in_order(run_edge: Run) -> None:
    """call_soon keeps the order, and what a callback adds waits for the next turn."""
    seen: list[object] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()

        def first() -> None:
            seen.append("first")
            loop.call_soon(seen.append, "added")

        loop.call_soon(first)
        loop.call_soon(seen.append, "second")
        loop.call_soon(seen.append, "cancelled").cancel()
        await turns()

    run_edge(main())
    assert seen == ["first", "second", "added"]


def test_call_soon_takes_a_context(run_edge: Run) -> None:
    """A callback runs in the context given, else in a copy of the caller's."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        empty = contextvars.Context()
        variable.set("set")
        for context in (empty, None):
            loop.call_soon(lambda: seen.append(variable.get()), context=context)
            loop.call_later(0, lambda: seen.append(variable.get()), context=context)
        await asyncio.sleep(0.001)

    run_edge(main())
    assert sorted(seen) == ["set", "set", "unset", "unset"]


def test_call_soon_returns_a_handle(loop: EdgeLoop) -> None:
    """Whatever a caller schedules it can cancel, also with a context of its own."""
    for handle in (loop.call_soon(print, "never"), loop.call_soon(print, context=contextvars.copy_context())):
        assert isinstance(handle, asyncio.Handle)
        handle.cancel()
    timer = loop.call_later(5, print, "never")
    assert isinstance(timer, asyncio.TimerHandle)
    assert timer.when() == pytest.approx(loop.time() + 5, abs=1)
    timer.cancel()
    assert timer.cancelled()


def test_exception_in_a_callback_is_handled(loop: EdgeLoop) -> None:
    """An error in a callback of any kind goes to the exception handler, and the loop goes on."""
    seen: list[BaseException | None] = []
    loop.set_exception_handler(lambda _, context: seen.append(context.get("exception")))

    def fail() -> None:
        raise ValueError

    loop.call_soon(fail)
    loop.run_soon(fail, contextvars.copy_context())
    loop.call_later(0, fail)
    loop.run_until_complete(asyncio.sleep(0.001))
    assert [type(error) for error in seen] == [ValueError] * 3


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_exit_from_a_callback_leaves_the_loop(loop: EdgeLoop, kind: type[BaseException]) -> None:
    """SystemExit and KeyboardInterrupt are not for the exception handler; the loop can run again after
    them."""

    def leave() -> None:
        raise kind

    async def leave_task() -> None:
        raise kind

    loop.call_soon(leave)
    with pytest.raises(kind):
        loop.run_forever()
    loop.run_soon(leave, contextvars.copy_context())
    with pytest.raises(kind):
        loop.run_forever()
    with pytest.raises(kind):
        loop.run_until_complete(leave_task())
    loop.run_until_complete(asyncio.sleep(0))


def test_timers_run_in_the_order_of_their_times(run_edge: Run) -> None:
    """Earlier first; at the same time in the order in which they were set."""
    seen: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for number, delay in enumerate([3, 1, 2, 1, 0, 3, 1]):
            loop.call_at(now + delay / 1000, seen.append, number)
        await asyncio.sleep(0.01)

    run_edge(main())
    assert seen == [4, 1, 3, 6, 2, 0, 5]


def test_timer_is_never_early_and_not_late(run_edge: Run) -> None:
    """A timer fires after its time, and the best of a few within half a millisecond: epoll alone takes
    one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        late: list[float] = []
        while len(late) < 200 or min(late) >= 0.0005:  # on a busy machine it takes longer until one is on time
            due = loop.time() + 0.0003
            await asyncio.sleep(0.0003)
            late.append(loop.time() - due)
            assert late[-1] >= 0
            assert len(late) < 20_000

    run_edge(main())


def test_far_timer_is_not_early(run_edge: Run) -> None:
    """A timer further away, which epoll waits for in part, is not early either."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for delay in (0.0021, 0.0029, 0.003, 0.0101):
            due = loop.time() + delay
            await asyncio.sleep(delay)
            assert loop.time() >= due

    run_edge(main())


@pytest.mark.parametrize("delay", [0.0003, 0.02])
def test_sleep_costs_few_turns(loop: EdgeLoop, monkeypatch: pytest.MonkeyPatch, delay: float) -> None:
    """The loop waits for its timers, it does not spin until they are due."""
    turns = 0
    run_once = EdgeLoop._run_once

    def counted(self: EdgeLoop) -> None:
        nonlocal turns
        turns += 1
        run_once(self)

    monkeypatch.setattr(EdgeLoop, "_run_once", counted)
    loop.run_until_complete(asyncio.sleep(delay))
    assert turns < 10


@pytest.mark.parametrize("delay", [1e9, float("inf")])
def test_timer_beyond_what_epoll_can_wait(run_edge: Run, delay: float) -> None:
    """A timer may be set for the end of time."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(delay, print, "never")
        woken: asyncio.Future[None] = loop.create_future()
        thread = threading.Timer(0.01, loop.call_soon_threadsafe, (woken.set_result, None))
        thread.start()
        await woken
        thread.join()
        timer.cancel()

    run_edge(main())


def test_cancelled_timers_do_not_pile_up(run_edge: Run) -> None:
    """Timers set and cancelled over and over leave the heap, and what they refer to."""

    class Big:
        pass

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        kept = loop.call_later(60, print, "never")
        big = Big()
        alive = weakref.ref(big)
        for _ in range(10_000):
            loop.call_later(30, print, big).cancel()
        await asyncio.sleep(0)
        assert len(loop._timers) < 300
        del big
        assert alive() is None
        kept.cancel()

    run_edge(main())


def test_none_for_a_time(loop: EdgeLoop) -> None:
    """The words of asyncio for a missing time."""
    with pytest.raises(TypeError, match="delay must not be None"):
        loop.call_later(None, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="when cannot be None"):
        loop.call_at(None, print)  # type: ignore[arg-type]


def test_closed_loop_refuses(loop: EdgeLoop) -> None:
    """A closed loop takes nothing more, and may be closed again."""
    loop.close()
    loop.close()
    calls: list[Callable[[], asyncio.Handle]] = [
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_at(1, print),
        lambda: loop.call_soon_threadsafe(print),
    ]
    for schedule in calls:
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            schedule()


def test_stop_and_run_again(loop: EdgeLoop) -> None:
    """stop() ends run_forever after the callbacks that are ready; the loop runs again later."""
    seen: list[str] = []
    loop.call_soon(loop.stop)
    loop.call_soon(seen.append, "ready")
    loop.run_forever()
    assert seen == ["ready"]
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    loop.stop()
    loop.run_forever()


def test_asynchronous_generators_are_closed(loop: EdgeLoop) -> None:
    """shutdown_asyncgens ends what is suspended."""
    seen: list[str] = []

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            seen.append("closed")

    async def main() -> AsyncIterator[int]:
        generator = generate()
        assert await anext(generator) == 1
        return generator

    generator = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    assert seen == ["closed"]
    del generator


def test_exception_group_and_timeout(run_edge: Run) -> None:
    """Task groups and timeouts work as ever."""

    async def fail() -> None:
        raise ValueError

    async def fail_together() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(60))

    async def main() -> None:
        with pytest.raises(ExceptionGroup):
            await fail_together()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.sleep(60)

    run_edge(main())


# -- threads, signals, subprocesses, transports


def test_call_from_another_thread_wakes_the_loop(run_edge: Run) -> None:
    """call_soon_threadsafe ends a wait that has no other end."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(50):
            future: asyncio.Future[int] = loop.create_future()
            thread = threading.Thread(target=loop.call_soon_threadsafe, args=(future.set_result, 1))
            thread.start()
            assert await future == 1
            thread.join()
        assert await asyncio.to_thread(lambda: 5) == 5
        await loop.shutdown_default_executor()

    run_edge(main())


def test_signal_handler(run_edge: Run) -> None:
    """A signal handler of the loop runs while it waits, with a timer near, far, or none."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for timer in (None, loop.call_later(60, print), loop.call_later(0.0015, print)):
            caught = asyncio.Event()
            loop.add_signal_handler(signal.SIGUSR1, caught.set)
            os.kill(os.getpid(), signal.SIGUSR1)
            await caught.wait()
            assert loop.remove_signal_handler(signal.SIGUSR1)
            if timer is not None:
                timer.cancel()

    run_edge(main())


def test_keyboard_interrupt_ends_the_main_task() -> None:
    """asyncio.Runner's handling of Ctrl-C works while the loop sleeps in epoll."""
    cancelled: list[bool] = []

    async def main() -> None:
        killer = threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGINT))
        killer.start()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(True)
            killer.join()
            raise

    with asyncio.Runner(loop_factory=EdgeLoop) as runner, pytest.raises(KeyboardInterrupt):
        runner.run(main())
    assert cancelled == [True]


def test_subprocess(run_edge: Run) -> None:
    """Subprocesses talk and end."""

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        assert (await process.communicate(bytes(200_000)))[0] == bytes(200_000)
        assert process.returncode == 0

    run_edge(main())
    for thread in threading.enumerate():
        if "waitpid" in thread.name:  # one of asyncio's child watchers
            thread.join()


def test_streams(run_edge: Run) -> None:
    """asyncio's own server and streams: transports on the stock selector inside this loop."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def talk(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = os.urandom(300_000)
        writer.write(data)
        writer.write_eof()
        assert await reader.read(-1) == data
        writer.close()
        await writer.wait_closed()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            await asyncio.gather(*(talk(server.sockets[0].getsockname()[1]) for _ in range(10)))
        await turns()

    run_edge(main())


def test_datagrams(run_edge: Run) -> None:
    """Datagram transports, and the socket calls for datagrams."""

    class Receiver(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.received.set_result(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        transport, receiver = await loop.create_datagram_endpoint(Receiver, local_addr=("127.0.0.1", 0))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))
            await loop.sock_sendto(sock, b"foo", transport.get_extra_info("sockname"))
            assert await receiver.received == b"foo"
            receive = asyncio.create_task(loop.sock_recvfrom(sock, 10))
            await turns()
            transport.sendto(b"bar", sock.getsockname())
            assert await receive == (b"bar", transport.get_extra_info("sockname"))
            buffer = bytearray(10)
            receive_into = asyncio.create_task(loop.sock_recvfrom_into(sock, buffer))
            await turns()
            transport.sendto(b"baz", sock.getsockname())
            assert (await receive_into)[0] == 3
            assert buffer[:3] == b"baz"
        transport.close()
        await turns()

    run_edge(main())


def test_add_reader_and_writer(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """The callbacks of add_reader and add_writer are called until they are removed."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        read, written = asyncio.Event(), asyncio.Event()
        loop.add_reader(one, read.set)
        loop.add_writer(one, written.set)
        await written.wait()
        other.send(b"foo")
        await read.wait()
        assert loop.remove_reader(one)
        assert loop.remove_writer(one)
        assert not loop.remove_reader(one)

    run_edge(main())


def test_sendfile(run_edge: Run, pair: tuple[socket.socket, socket.socket], tmp_path: Any) -> None:
    """sock_sendfile, which waits through add_writer, sends a file that does not fit the buffer."""
    one, other = pair
    path = tmp_path / "data"
    data = os.urandom(1_000_000)
    path.write_bytes(data)

    async def main() -> None:
        loop = asyncio.get_running_loop()

        async def receive() -> bytes:
            received = bytearray()
            while chunk := await loop.sock_recv(other, 65536):
                received += chunk
            return bytes(received)

        task = asyncio.create_task(receive())
        with path.open("rb") as file:
            assert await loop.sock_sendfile(one, file) == len(data)
        one.shutdown(socket.SHUT_WR)
        assert await task == data

    run_edge(main())


# -- debug mode


def test_debug_mode(run_edge: Run, caplog: pytest.LogCaptureFixture) -> None:
    """Slow callbacks are told, coroutines refused, foreign threads caught, and handles know who made them."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.slow_callback_duration = 0.01
        loop.call_soon(time.sleep, 0.02)
        await turns()
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            loop.call_soon(turns)
        with pytest.raises(RuntimeError, match="Non-thread-safe"):
            await asyncio.to_thread(loop.call_soon, print)
        for handle in (loop.call_soon(print), loop.call_later(9, print), loop.call_at(9e9, print)):
            assert handle._source_traceback[-1].name == "main"  # type: ignore[attr-defined]
            handle.cancel()
        await loop.shutdown_default_executor()

    run_edge(main(), debug=True)
    messages = [record.getMessage() for record in caplog.records]
    assert any(message.startswith("Executing <Handle") and "took" in message for message in messages)


def test_debug_mode_runs_everything(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Sockets, timers and bare callbacks work in debug mode, and when it is switched on in between."""
    one, other = pair
    seen: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        for debug in (True, False, True):
            loop.run_soon(lambda: seen.append(1), contextvars.copy_context())
            receive = asyncio.create_task(loop.sock_recv(one, 10))
            loop.set_debug(debug)
            await asyncio.sleep(0.001)
            await loop.sock_sendall(other, b"foo")
            assert await receive == b"foo"

    run_edge(main(), debug=True)
    assert seen == [1] * 3


def test_blocking_socket_in_debug_mode(run_edge: Run) -> None:
    """asyncio's check of the socket's mode."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as sock:
            for call in (
                loop.sock_recv(sock, 1),
                loop.sock_recv_into(sock, bytearray(1)),
                loop.sock_sendall(sock, b"x"),
                loop.sock_accept(sock),
                loop.sock_connect(sock, ("127.0.0.1", 1)),
            ):
                with pytest.raises(ValueError, match="must be non-blocking"):
                    await call

    run_edge(main(), debug=True)


def test_ssl_socket_is_refused(run_edge: Run) -> None:
    """An SSL socket cannot be used without its transport."""
    wrapped = ssl.create_default_context().wrap_socket(
        socket.socket(), server_hostname="localhost", do_handshake_on_connect=False
    )

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with wrapped:
            for call in (loop.sock_recv(wrapped, 1), loop.sock_sendall(wrapped, b"x")):
                with pytest.raises(TypeError, match="Socket cannot be of type SSLSocket"):
                    await call

    run_edge(main())


def test_socket_of_a_transport_is_refused(run_edge: Run) -> None:
    """To wait for a socket that a transport owns is refused, as asyncio does."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        with other:
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=one)
            with pytest.raises(RuntimeError, match="is used by transport"):
                await loop.sock_recv(one, 1)
            transport.close()
            await turns()

    run_edge(main())


# -- the socket calls


def test_recv_waits(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Receiving waits for data, again and again, and sees the end."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for number in range(100):
            receive = asyncio.create_task(loop.sock_recv(one, 10))
            await turns(number % 4)
            other.send(b"foo")
            assert await receive == b"foo"
        buffer = bytearray(10)
        receive_into = asyncio.create_task(loop.sock_recv_into(one, buffer))
        await turns()
        other.send(b"bar")
        assert await receive_into == 3
        assert buffer[:3] == b"bar"
        receive = asyncio.create_task(loop.sock_recv(one, 10))
        await turns()
        other.close()
        assert await receive == b""

    run_edge(main())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_sendall_sends_everything(
    run_edge: Run, pair: tuple[socket.socket, socket.socket], kind: Callable[[bytes], Any]
) -> None:
    """Sending more than fits the buffer waits for the reader, and loses nothing."""
    one, other = pair
    data = os.urandom(2_000_000)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        send = asyncio.create_task(loop.sock_sendall(one, kind(data)))
        received = bytearray()
        while len(received) < len(data):
            received += await loop.sock_recv(other, 50_000)
        await send
        assert received == data

    run_edge(main())


def test_sendall_of_nothing_and_of_wide_items(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Bytes are counted, not items."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(one, b"")
        await loop.sock_sendall(one, memoryview(bytes(range(16))).cast("I"))
        assert await loop.sock_recv(other, 99) == bytes(range(16))

    run_edge(main())


def test_accept_and_connect(run_edge: Run) -> None:
    """Connections are accepted, before and after they arrive."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            for early in (True, False):
                accept = asyncio.create_task(loop.sock_accept(listener))
                await turns(3 if early else 0)
                with socket.socket() as client:
                    client.setblocking(False)
                    await loop.sock_connect(client, listener.getsockname())
                    served, peer = await accept
                    with served:
                        assert peer == client.getsockname()
                        assert served.gettimeout() == 0

    run_edge(main())


def test_connect_ipv6(run_edge: Run, ipv6_host: str) -> None:
    """The same with IPv6."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server((ipv6_host, 0), family=socket.AF_INET6) as listener:
            listener.setblocking(False)
            with socket.socket(socket.AF_INET6) as client:
                client.setblocking(False)
                await loop.sock_connect(client, listener.getsockname()[:2])
                served, peer = await loop.sock_accept(listener)
                with served:
                    assert served.family == socket.AF_INET6
                    assert peer == client.getsockname()

    run_edge(main())


def test_connect_refused(run_edge: Run) -> None:
    """A refusal is told."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as bound, socket.socket() as client:
            bound.bind(("127.0.0.1", 0))
            client.setblocking(False)
            with pytest.raises(ConnectionRefusedError, match="Connect call failed"):
                await loop.sock_connect(client, bound.getsockname())

    run_edge(main())


def test_connect_a_unix_socket(run_edge: Run, tmp_path: Any) -> None:
    """Unix sockets connect too; a full queue is an error there, not a wait without an end."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(0)
            clients: list[socket.socket] = []

            async def connect() -> None:
                clients.append(socket.socket(socket.AF_UNIX))
                clients[-1].setblocking(False)
                await loop.sock_connect(clients[-1], path)

            await connect()
            with pytest.raises(BlockingIOError):
                await asyncio.gather(*(connect() for _ in range(5)))
            for client in clients:
                client.close()

    run_edge(main())


# -- waits that get in each other's way


def test_reader_and_writer_of_one_socket(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Two tasks wait for one socket, one in each direction, and each gets its own event."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for reader_first in (True, False):
            sent = fill(one)
            read = asyncio.create_task(loop.sock_recv(one, 10))
            if not reader_first:
                await turns()
            write = asyncio.create_task(loop.sock_sendall(one, b"x"))
            await turns()
            assert not read.done()
            assert not write.done()
            if reader_first:
                other.send(b"foo")
                assert await read == b"foo"
                await turns()
                assert not write.done()
            received = 0
            while received < sent:
                received += len(await loop.sock_recv(other, 1 << 20))
            await write
            if not reader_first:
                await turns()
                assert not read.done()
                other.send(b"foo")
                assert await read == b"foo"
            while received < sent + 1:
                received += len(await loop.sock_recv(other, 1 << 20))

    run_edge(main())


def test_many_readers_of_one_socket(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Each of several readers gets something in the end; none is forgotten."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        readers = [asyncio.create_task(loop.sock_recv(one, 1)) for _ in range(5)]
        await turns()
        for count in range(1, 6):
            other.send(b"x")
            while sum(reader.done() for reader in readers) < count:
                await asyncio.sleep(0)
        assert [reader.result() for reader in readers] == [b"x"] * 5

    run_edge(main())


def test_hang_up_wakes_both_directions(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """A peer that goes away wakes the reader and the writer."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        fill(one)
        read = asyncio.create_task(loop.sock_recv(one, 10))
        write = asyncio.create_task(loop.sock_sendall(one, b"x"))
        await turns()
        other.close()
        done, _ = await asyncio.wait([read, write])
        assert done == {read, write}
        assert isinstance(write.exception(), BrokenPipeError | ConnectionResetError)
        read.exception()

    run_edge(main())


def test_error_wakes_a_reader(run_edge: Run) -> None:
    """An error that makes the socket neither readable nor writable ends a wait: a refused datagram."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        ):
            closed.bind(("127.0.0.1", 0))
            sock.connect(closed.getsockname())
            sock.setblocking(False)
            receive = asyncio.create_task(loop.sock_recv(sock, 10))
            await turns()
            closed.close()
            sock.send(b"foo")
            with pytest.raises(ConnectionRefusedError):
                await receive

    run_edge(main())


def test_cancelled_wait_harms_nobody(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """A wait given up eats no data, keeps nothing alive, and the next wait for the same socket works."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        for _ in range(3):
            given_up = asyncio.create_task(loop.sock_recv(one, 10))
            await turns()
            given_up.cancel()
            await asyncio.wait([given_up])
            assert len(loop._waits) == 0
            other.send(b"foo")
            await turns()
            assert await loop.sock_recv(one, 10) == b"foo"
            receive = asyncio.create_task(loop.sock_recv(one, 10))
            await turns()
            other.send(b"bar")
            assert await receive == b"bar"

    run_edge(main())


def test_cancelled_reader_leaves_the_writer(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """Of two waits for one socket only the one given up goes."""
    one, other = pair

    async def main() -> None:
        loop = asyncio.get_running_loop()
        sent = fill(one)
        read = asyncio.create_task(loop.sock_recv(one, 10))
        write = asyncio.create_task(loop.sock_sendall(one, b"x"))
        await turns()
        read.cancel()
        await turns()
        received = 0
        while received < sent + 1:
            received += len(await loop.sock_recv(other, 1 << 20))
        await write

    run_edge(main())


def test_number_used_again(run_edge: Run) -> None:
    """A wait for a closed socket ends with EBADF when its number is somebody else's, who gets his own
    data."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            one, other = socket.socketpair()
            one.setblocking(False)
            number = one.fileno()
            stale = asyncio.create_task(loop.sock_recv(one, 10))
            await turns()
            one.close()
            new, peer = socket.socketpair()
            assert number in (new.fileno(), peer.fileno())
            if peer.fileno() == number:
                new, peer = peer, new
            new.setblocking(False)
            fresh = asyncio.create_task(loop.sock_recv(new, 10))
            with pytest.raises(OSError, match="was closed while somebody waited") as caught:
                await stale
            assert caught.value.errno == errno.EBADF
            await turns()
            assert not fresh.done()
            peer.send(b"foo")
            assert await fresh == b"foo"
            for sock in (other, new, peer):
                sock.close()

    run_edge(main())


def test_number_used_again_after_a_cancelled_wait(run_edge: Run) -> None:
    """A wait given up, its socket closed, does not disturb the next owner of the number."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(50):
            one, other = socket.socketpair()
            one.setblocking(False)
            given_up = asyncio.create_task(loop.sock_recv(one, 10))
            await turns()
            given_up.cancel()
            one.close()
            other.close()
            one, other = socket.socketpair()
            one.setblocking(False)
            receive = asyncio.create_task(loop.sock_recv(one, 10))
            await turns()
            other.send(b"foo")
            assert await receive == b"foo"
            one.close()
            other.close()

    run_edge(main())


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize("how", ["close", "by number"])
def test_closed_while_waiting(run_edge: Run, monkeypatch: pytest.MonkeyPatch, how: str, busy: bool) -> None:
    """A wait for a descriptor that is closed, by its owner or by a stranger, ends with EBADF by itself."""
    monkeypatch.setattr("flakeproof.net.edge_loop._SWEEP", 0.01)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        one.setblocking(False)
        wait = asyncio.create_task(loop.sock_recv(one, 10))
        await turns()
        if how == "close":
            one.close()
        else:
            os.close(one.fileno())
        while busy and not wait.done():
            await asyncio.sleep(0)
        with pytest.raises(OSError, match="was closed while somebody waited") as caught:
            await wait
        assert caught.value.errno == errno.EBADF
        one.detach()
        other.close()

    run_edge(main())


def test_duplicate_keeps_the_registration(run_edge: Run) -> None:
    """A closed socket that lives on in a duplicate wakes the next owner of its number in vain, no more."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        one.setblocking(False)
        duplicate = one.dup()
        given_up = asyncio.create_task(loop.sock_recv(one, 10))
        await turns()
        given_up.cancel()
        one.close()
        new, peer = socket.socketpair()
        new.setblocking(False)
        receive = asyncio.create_task(loop.sock_recv(new, 10))
        await turns()
        other.send(b"for the duplicate")
        await turns()
        assert not receive.done()
        peer.send(b"foo")
        assert await receive == b"foo"
        for sock in (duplicate, other, new, peer):
            sock.close()

    run_edge(main())


def test_what_cannot_be_waited_for(run_edge: Run) -> None:
    """Errors of the registration reach the caller: EBADF for a closed number, EPERM for a regular file."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        one, other = socket.socketpair()
        number = one.fileno()
        os.close(number)
        with pytest.raises(OSError, match="Bad file descriptor"):
            loop.call_when_readable(one, print, contextvars.copy_context())
        assert os.open(__file__, os.O_RDONLY) == number
        with pytest.raises(PermissionError):
            loop.call_when_readable(one, print, contextvars.copy_context())
        assert len(loop._waits) == 0
        one.close()
        other.close()

    run_edge(main())


def test_call_when_readable(run_edge: Run, pair: tuple[socket.socket, socket.socket]) -> None:
    """It calls once, unless cancelled before or after the event."""
    one, other = pair
    seen: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EdgeLoop)
        context = contextvars.copy_context()
        loop.call_when_readable(one, lambda error: seen.append(f"called {error}"), context)
        loop.call_when_readable(one, lambda error: seen.append("cancelled before"), context).cancel()
        late = loop.call_when_readable(one, lambda error: seen.append("cancelled after"), context)
        await turns()
        assert seen == []
        other.send(b"foo")
        loop._waits.poll(0, always=-1)  # what the next turn would begin with
        late.cancel()
        await turns()
        assert seen == ["called None"]

    run_edge(main())


def test_sockets_are_not_kept_alive(run_edge: Run) -> None:
    """Nothing refers to a socket whose waits are over."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        one, other = socket.socketpair()
        one.setblocking(False)
        receive = asyncio.create_task(loop.sock_recv(one, 10))
        await turns()
        other.send(b"foo")
        assert await receive == b"foo"
        one.close()
        other.close()
        alive = weakref.ref(one)
        del one, receive
        await turns()
        gc.collect()
        assert alive() is None

    run_edge(main())


def test_epoll_number_beyond_select(monkeypatch: pytest.MonkeyPatch, run_edge: Run) -> None:
    """Where select cannot take the epoll's number, near timers still fire, if less precisely."""
    monkeypatch.setattr("flakeproof.net.edge_loop._FD_SETSIZE", 0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + 0.0003
        await asyncio.sleep(0.0003)
        assert loop.time() >= due

    run_edge(main())
