"""What --network none leaves: loopback."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.tools import missing

from flakeproof.results.summary import Summary
from flakeproof_worker.system import namespace

Runner = Callable[..., Summary]
Messages = Callable[..., dict[int, str]]

CODE = """
import asyncio
import errno
import socket

FAR = ["192.0.2.1", "2001:db8::1", "255.255.255.255", "::ffff:192.0.2.1", b"192.0.2.1"]

def refused(call, *arguments):
    try:
        return call(*arguments) or "nothing"
    except OSError as error:
        return type(error), error.errno

def check():
    unreachable = OSError, errno.ENETUNREACH
    for host in FAR:
        family = socket.AF_INET6 if b":" in (host if isinstance(host, bytes) else host.encode()) else socket.AF_INET
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(family, kind) as one:
                one.settimeout(1)
                assert refused(one.connect, (host, 9)) == unreachable, host
                assert one.connect_ex((host, 9)) == errno.ENETUNREACH
                assert refused(one.sendto, b"x", (host, 9)) == unreachable
                assert refused(one.sendto, b"x", 0, (host, 9)) == unreachable
                assert refused(one.sendmsg, [b"x"], [], 0, (host, 9)) == unreachable
                assert refused(one.connect, ("nowhere.example", 9)) == (socket.gaierror, socket.EAI_AGAIN)
    for resolve in (socket.getaddrinfo, socket.gethostbyname):
        arguments = ("nowhere.example", 9) if resolve is socket.getaddrinfo else ("nowhere.example",)
        assert refused(resolve, *arguments) == (socket.gaierror, socket.EAI_AGAIN)
    assert refused(lambda: asyncio.run(opened("192.0.2.1"))) == unreachable
    assert refused(lambda: asyncio.run(opened("nowhere.example"))) == (socket.gaierror, socket.EAI_AGAIN)

async def opened(host, port=9):
    _, writer = await asyncio.open_connection(host, port)
    writer.close()

def stays():
    for host, server in (("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("127.1", "127.0.0.1"), ("", "")):
        with socket.create_server((server, 0)) as listening:
            port = listening.getsockname()[1]
            socket.create_connection((host or "127.0.0.1", port), timeout=5).close()
            asyncio.run(opened(host or "localhost", port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as other:
        one.bind(("127.0.0.1", 0))
        other.sendto(b"x", one.getsockname())
        other.sendmsg([b"y"], [], 0, one.getsockname())
        other.connect(one.getsockname())
        other.sendmsg([b"z"])
        assert [one.recv(9) for _ in range(3)] == [b"x", b"y", b"z"]
    left, right = socket.socketpair()
    left.sendmsg([b"x"])
    assert right.recv(9) == b"x"
    assert socket.getaddrinfo("192.0.2.1", 80)  # an address needs no server of names
    for wrong in ("127.0.0.1", (), (1, 2, 3, 4, 5), None):
        with socket.socket() as one:
            try:
                one.connect(wrong)
            except TypeError:
                pass

def outside():
    with socket.create_connection(("127.0.0.1", PORT), timeout=5) as one:
        raise AssertionError("reached")
"""


def test_what_is_far_cannot_be_reached(run: Runner) -> None:
    """By no function of `socket`, nor by asyncio, with the errors of a machine that has no network."""
    summary = run(CODE, count=2, network="none")

    assert (summary.passed, summary.failed) == (2, 0), [found.example.message for found in summary.signatures]


def test_what_is_near_can(run: Runner) -> None:
    """Loopback, sockets in the file system, pairs; and mistakes are what they were."""
    for options in ({}, {"network": "none"}):
        summary = run(CODE, "stays", count=2, **options)
        assert (summary.passed, summary.failed) == (2, 0), [found.example.message for found in summary.signatures]


@pytest.fixture
def listening() -> Iterator[int]:
    """The port of a server of this machine, outside of any run."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    server.accept()[0].close()
            except OSError:
                return

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_python_keeps_the_loopback_of_the_machine(messages: Messages, listening: int) -> None:
    """A database beside the tests stays there."""
    assert messages(CODE.replace("PORT", str(listening)), "outside", count=1, network="none") == {1: "reached"}


def test_a_command_has_a_loopback_of_its_own(messages: Messages, listening: int, tmp_path: Path) -> None:
    """Nothing else is there, and what is outside is not reached; the user is the same."""
    if why := namespace.possible("network"):
        missing(why)
    (tmp_path / "command.py").write_text(f"""
import os, socket
names = [name for _, name in socket.if_nameindex()]
def attempt(host, port):
    with socket.socket() as one:
        one.settimeout(1)
        return os.strerror(one.connect_ex((host, port)))
with socket.create_server(("127.0.0.1", 0)) as server:
    own = attempt(*server.getsockname())
print(names, attempt("192.0.2.1", 9), attempt("127.0.0.1", {listening}), own, os.getuid(), sep="; ")
raise SystemExit(1)
""")
    shown = messages("", ["python3", "command.py"], count=2, network="none")

    expected = f"['lo']; Network is unreachable; Connection refused; Success; {__import__('os').getuid()}"
    assert set(shown.values()) == {f"exit status 1: {expected}"}
