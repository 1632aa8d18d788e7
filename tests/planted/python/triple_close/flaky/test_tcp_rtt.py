import socket
import struct
import threading

RTT_OFFSET = 68
"""Of tcpi_rtt in struct tcp_info, microseconds."""


def drain(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        while connection.recv(4096):
            pass


def test_tcp_rtt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=drain, args=(listener,))
        server.start()
        with socket.create_connection(listener.getsockname(), timeout=1) as connection:
            for _ in range(20):
                connection.sendall(b"foo")
            info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
        server.join()
    assert struct.unpack_from("I", info, RTT_OFFSET)[0] > 0
