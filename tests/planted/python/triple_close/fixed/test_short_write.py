import socket

from short_writer import ShortWriter


def test_short_write() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    writer = ShortWriter(ours.detach())
    try:
        taken = writer.write(bytes(1 << 20))
        writer.close()
        assert writer.full == 1
        assert received(theirs) == taken < 1 << 20
    finally:
        writer.close()
        theirs.close()


def received(connection: socket.socket) -> int:
    total = 0
    while data := connection.recv(1 << 16):
        total += len(data)
    return total
