"""A server that now and then closes a connection before it has read what was sent to it."""

import random
import socket
import threading


def serve(listener, hasty, closed):
    """Serve one connection."""
    connection, _ = listener.accept()
    with connection:
        connection.recv(3, socket.MSG_PEEK | socket.MSG_WAITALL)  # it is there
        while not hasty and connection.recv(100):
            pass
    closed.set()


def check(share=0.2):
    """Send twice, and wait for the end."""
    hasty, closed = random.random() < share, threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener, hasty, closed)).start()
        with socket.create_connection(listener.getsockname()) as client:
            client.sendall(b"foo")
            if hasty:
                closed.wait()
            client.sendall(b"bar")
            client.shutdown(socket.SHUT_WR)
            closed.wait()


if __name__ == "__main__":
    check(share=1)
