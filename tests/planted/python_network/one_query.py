"""DNS: a resolver asks once. A query or an answer over UDP that is lost is not sent again by anybody."""

import socket
import struct
import threading

_NAME = b"\x02db\x07example\x00"
_QUESTION = _NAME + struct.pack(">HH", 1, 1)  # A, IN
_ADDRESS = bytes((10, 0, 0, 7))


def _serve(server: socket.socket) -> None:
    """A name server (RFC 1035) that knows one name."""
    while True:
        query, asker = server.recvfrom(512)
        if not query:
            return
        head = query[:2] + struct.pack(">HHHHH", 0x8400, 1, 1, 0, 0)
        server.sendto(head + _QUESTION + b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + _ADDRESS, asker)


def _resolve(server: tuple[str, int], tries: int) -> bytes:
    for number in range(tries):
        with socket.socket(type=socket.SOCK_DGRAM) as asking:
            asking.connect(server)
            asking.settimeout(1)
            asking.send(struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + _QUESTION)  # guilty: it may be lost
            try:
                return asking.recv(512)[-4:]
            except TimeoutError:
                continue
    raise TimeoutError("db.example could not be looked up")


def _look_up(tries: int) -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=_serve, args=(server,), daemon=True)
        thread.start()
        assert _resolve(server.getsockname(), tries) == _ADDRESS


def flaky() -> None:
    """One query."""
    _look_up(1)


def fixed() -> None:
    """As many as it takes."""
    _look_up(10)
