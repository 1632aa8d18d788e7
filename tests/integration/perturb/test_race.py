"""What --race does to threads and tasks, and what it leaves alone."""

from pathlib import Path

import pytest
from tests.integration.perturb.conftest import Runner
from tests.integration.perturb.test_delay import ORDERED
from tests.tools import other_python

THREADS = """
import threading

def check():
    lock = threading.Lock()
    seats = [1]

    def take():
        with lock:
            free = seats[0] > 0
        if free:
            with lock:
                seats[0] -= 1

    takers = [threading.Thread(target=take) for _ in range(4)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert seats[0] == 0, "sold twice"
"""

TIMERS = """
import asyncio

async def check():
    order = []

    async def after(seconds, name):
        await asyncio.sleep(seconds)
        order.append(name)

    await asyncio.gather(after(0.001, "first"), after(0.002, "second"))
    assert order == ["first", "second"], "the second came first"
"""

SOCKETS = """
import socket
import threading

def check():
    left, right = socket.socketpair()
    with left, right:

        def send():
            left.sendall(b"(")
            left.sendall(b")")

        threads = [threading.Thread(target=send) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert right.recv(10) == b"()()()", "a message in the middle of another"
"""

CORRECT = """
import asyncio
import contextlib
import socket
import socketserver
import queue
import threading
from concurrent.futures import ThreadPoolExecutor

def threads():
    waiting, done = queue.Queue(maxsize=2), []
    condition, ready = threading.Condition(), threading.Event()
    again = threading.RLock()

    def work():
        ready.wait()
        while (item := waiting.get()) is not None:
            with again, again, condition:
                done.append(item)
                condition.notify_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    ready.set()
    for number in range(20):
        waiting.put(number)
    with condition:
        assert condition.wait_for(lambda: len(done) == 20, timeout=20)
    for _ in workers:
        waiting.put(None)
    for worker in workers:
        worker.join()
    assert sorted(done) == list(range(20))
    assert isinstance(threading.Lock(), type(threading.Lock()))
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1, -2, -3])) == [1, 2, 3]

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)

def sockets():
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.001,))
        thread.start()
        with socket.create_connection(server.server_address, 10) as client, client.makefile("rb") as file:
            for number in range(5):
                client.sendall(b"%d\\n" % number)
            client.shutdown(socket.SHUT_WR)
            assert file.read() == b"0\\n1\\n2\\n3\\n4\\n"
            into = bytearray(10)
            assert (client.recv_into(into), client.recv(10)) == (0, b"")
        server.shutdown()
        thread.join()
    left, right = socket.socketpair()
    with left, right:
        left.settimeout(0.01)
        with contextlib.suppress(TimeoutError):
            left.recv(1)
            raise AssertionError("nobody has sent anything")
        assert left.sendmsg([b"a", b"b"]) == 2 and right.recvmsg(10)[0] == b"ab"
        assert left.send.__name__ == "send"

async def tasks():
    async def echo(reader, writer):
        writer.write(await reader.readexactly(5))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    writer.write(b"hello")
    assert await reader.read() == b"hello"
    writer.close()
    server.close()
    assert await asyncio.to_thread(len, "four") == 4
    lock, order = asyncio.Lock(), []

    async def locked(number):
        async with lock:
            order.append(number)
            await asyncio.sleep(0.0005)

    await asyncio.gather(*(locked(number) for number in range(5)))
    assert order == [0, 1, 2, 3, 4], "asyncio.Lock is fair"
"""


@pytest.mark.parametrize("code", [THREADS, TIMERS, SOCKETS], ids=["threads", "timers", "sockets"])
def test_what_relies_on_luck_fails(run: Runner, code: str) -> None:
    """Far more often than without."""
    plain, racing = run(code, count=100), run(code, count=100, race=True)

    assert racing.failed >= 5
    assert plain.failed < racing.failed  # how often by itself, the machine decides


@pytest.mark.parametrize("target", ["threads", "sockets", "tasks"])
def test_correct_code_cannot_tell(run: Runner, target: str) -> None:
    """Locks, queues, conditions, pools; servers in threads; streams, fair locks and threads beside the loop."""
    summary = run(CORRECT, target, count=30, race=True)

    assert (summary.passed, summary.failed) == (30, 0)


def test_the_order_that_asyncio_promises_is_kept(run: Runner) -> None:
    """Callbacks, first steps of tasks, and turns taken by sleep(0)."""
    summary = run(ORDERED, count=60, race=True)

    assert (summary.passed, summary.failed) == (60, 0)


@pytest.mark.long
@pytest.mark.parametrize("target", ["threads", "sockets", "tasks"])
def test_correct_code_of_another_python(run: Runner, target: str, tmp_path: Path) -> None:
    """From 3.13 on locks are classes; wake-ups have the same name."""
    python = other_python(lambda version: version >= (3, 13))
    summary = run(CORRECT, target, count=30, race=True, python=python)

    assert (summary.passed, summary.failed) == (30, 0)
