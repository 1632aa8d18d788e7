"""A server that greets by name and remembers who has been here."""

import contextlib
import socket
import threading

visits: list[str] = []
"""Names of the visitors, in the order in which they left."""


class Server:
    """Accepts and serves in background threads."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = self._listener.getsockname()
        self._handlers: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                handler = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._handlers.append(handler)
                handler.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            name = lines.readline().decode().strip()
            connection.sendall(f"hello {name}\n".encode())
            lines.read()
        visits.append(name)

    def shutdown(self) -> None:
        """Stop serving."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for handler in self._handlers:
            handler.join()
