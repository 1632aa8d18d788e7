import contextlib
import os
import socket

from short_writer import ShortWriter


def test_short_write() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        writer = ShortWriter(ours.fileno())
        taken = writer.write(bytes(1 << 20))
        os.close(ours.fileno())  # guilty
        assert writer.full == 1
        assert received(theirs) == taken < 1 << 20
    finally:
        with contextlib.suppress(OSError):
            ours.close()  # guilty
        theirs.close()


def received(connection: socket.socket) -> int:
    total = 0
    while data := connection.recv(1 << 16):
        total += len(data)
    return total
