"""Reuse of a port: a client has to send from a fixed port, and sends twice.

The port is taken until the last ACK of the first connection has come, a round trip later; or for a minute more
(TIME_WAIT) where the client's FIN is sent before the server's has come. Where nothing takes time, neither is to be
seen: the server closes first, and its ACK comes at once.
"""

import socket
import threading


def _serve(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(4, socket.MSG_WAITALL)
        connection.sendall(b"pong")


def _send(port: int, *, reuses: bool) -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        server = threading.Thread(target=_serve, args=(listener,))
        if reuses:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("127.0.0.1", port))  # guilty: the last connection may not have ended yet
        server.start()
        client.connect(listener.getsockname())
        client.sendall(b"ping")
        assert client.recv(4, socket.MSG_WAITALL) == b"pong"
        server.join()
        own: int = client.getsockname()[1]
        return own


def flaky() -> None:
    """The port has to be free."""
    _send(_send(0, reuses=False), reuses=False)


def fixed() -> None:
    """A connection that has ended is no obstacle."""
    _send(_send(0, reuses=True), reuses=True)
