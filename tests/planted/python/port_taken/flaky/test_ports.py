import socket

from ports import serve


def test_server_is_reached() -> None:
    with serve() as listener, socket.create_connection(listener.getsockname(), timeout=5) as client:
        server, _ = listener.accept()
        with server:
            client.sendall(b"ping")
            assert server.recv(16) == b"ping"
