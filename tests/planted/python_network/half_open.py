"""Half-open: a client is connected once it has the answer to its SYN; the server only once it has the client's ACK.

Where that ACK is lost, and the server is to speak first, both wait: the client for a greeting, the server for a client.
It takes the server a second to answer the SYN once more.
"""

import socket
import threading


def _serve(listener: socket.socket, *, greets: bool) -> None:
    try:
        connection, _ = listener.accept()
    except OSError:
        return  # the client has given up
    with connection:
        if greets:
            connection.sendall(b"hello")
        while connection.recv(16):
            connection.sendall(b"hello")


def _meet(*, greets: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener,), kwargs={"greets": greets}, daemon=True)
        server.start()
        with socket.create_connection(listener.getsockname()) as client:
            if greets:
                client.settimeout(0.5)  # guilty: the server may not know yet that anybody is there
            else:
                client.sendall(b"hello")
            assert client.recv(5, socket.MSG_WAITALL) == b"hello"


def flaky() -> None:
    """The server speaks first."""
    _meet(greets=True)


def fixed() -> None:
    """The client speaks first, which tells the server that it is there, and is sent again until that is answered."""
    _meet(greets=False)
