"""Late FIN: a pool asks a connection whether the other end has closed it, and sends the next request over it if not.

That the server has closed is known here as soon as its FIN has arrived. Where that comes later than the answer before
it, the request meets a server that has gone.
"""

import socket
import threading


class _Server:
    """Answers one request on each connection, and closes it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []

    def connect(self) -> socket.socket:
        client = socket.create_connection(self._listener.getsockname())
        connection, _ = self._listener.accept()
        self._threads.append(threading.Thread(target=self._answer, args=(connection,)))
        self._threads[-1].start()
        return client

    def rest(self) -> None:
        """Wait until it has nothing to do."""
        for thread in self._threads:
            thread.join()

    def close(self) -> None:
        self._listener.close()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            connection.recv(16)
            connection.sendall(b"pong")


def _is_closed(connection: socket.socket) -> bool:
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False


def _ask(connection: socket.socket) -> bytes:
    connection.sendall(b"ping")
    return connection.recv(4, socket.MSG_WAITALL)


def _two_requests(*, asks_again: bool) -> None:
    server = _Server()
    client = server.connect()
    try:
        assert _ask(client) == b"pong"
        server.rest()
        if _is_closed(client):
            client.close()
            client = server.connect()
        try:
            answer = _ask(client)  # guilty: its FIN may be under way
        except ConnectionError:
            answer = b""
            if not asks_again:
                raise
        if not answer and asks_again:
            client.close()
            client = server.connect()
            answer = _ask(client)
        assert answer == b"pong", "the connection was closed"
    finally:
        client.close()
        server.close()


def flaky() -> None:
    """A connection that looks open is used."""
    _two_requests(asks_again=False)


def fixed() -> None:
    """A request that got no answer over a used connection is sent again over a new one."""
    _two_requests(asks_again=True)
