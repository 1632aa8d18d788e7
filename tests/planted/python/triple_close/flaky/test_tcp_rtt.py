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


def rtt(connection: socket.socket) -> dict[str, int]:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    smoothed, variance = struct.unpack_from("II", info, RTT_OFFSET)
    return {"smoothed": smoothed, "variance": variance}


def test_tcp_rtt() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=drain, args=(listener,))
        server.start()
        samples = []
        with socket.create_connection(listener.getsockname(), timeout=1) as connection:
            for _ in range(100):
                connection.sendall(b"foo")
                samples.append(rtt(connection))
        server.join()
    assert samples[-1]["smoothed"] > 0
