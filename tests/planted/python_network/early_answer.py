"""RST before read: a server refuses an upload by its first bytes, answers, and closes what it has not read.

Closing over unread data is an RST. Where the upload is under way for longer than the answer, the client learns of the
RST while it still sends, and never reads the answer.
"""

import socket
import threading

_LIMIT = 1000
_UPLOAD = b"%d\n" % 300_000 + bytes(300_000)


def _serve(listener: socket.socket, *, reads_all: bool) -> None:
    connection, _ = listener.accept()
    with connection:
        seen = connection.recv(16)
        size, _, body = seen.partition(b"\n")
        left = int(size) - len(body)
        while reads_all and left > 0:
            left -= len(connection.recv(left))
        connection.sendall(b"too large" if int(size) > _LIMIT else b"accepted")  # guilty: closes with the body unread


def _upload(*, reads_all: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener,), kwargs={"reads_all": reads_all})
        server.start()
        try:
            with socket.create_connection(listener.getsockname()) as client:
                client.sendall(_UPLOAD)
                assert client.recv(16) == b"too large"
        finally:
            server.join()


def flaky() -> None:
    """The server answers as soon as it can."""
    _upload(reads_all=False)


def fixed() -> None:
    """The server reads to the end first."""
    _upload(reads_all=True)
