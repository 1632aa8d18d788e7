"""JSON lines in both directions over one socket: what the coordinator and a worker process say to each other."""

import socket
from typing import Any

from flakeproof_worker.shared.private import json

Message = dict[str, Any]
_CHUNK = 65536
_WITHOUT_WAITING = socket.MSG_DONTWAIT
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Channel:
    """One end of the conversation; `receive` blocks, `receive_ready` does not."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._partial = b""
        self._waiting: list[Message] = []
        self.at_end = False

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._sock.fileno()

    def send(self, message: Message) -> None:
        """Send one message whole; a lone surrogate, which no JSON reader takes, is sent as a question mark.

        Raises OSError when the other side is gone.
        """
        self._sock.sendall(_encode(message).encode(errors="replace") + b"\n")

    def close(self) -> None:
        """Leave the conversation to the other processes that hold this end of it."""
        self._sock.close()

    def receive(self) -> Message | None:
        """The next message, waited for; None at the end of the conversation."""
        while not self._waiting:
            if self.at_end:
                return None
            self._take(self._sock.recv(_CHUNK))
        return self._waiting.pop(0)

    def receive_ready(self) -> list[Message]:
        """Every message that is there now; look at `at_end` afterwards."""
        while not self.at_end:
            try:
                self._take(self._sock.recv(_CHUNK, _WITHOUT_WAITING))
            except BlockingIOError:
                break
        ready, self._waiting = self._waiting, []
        return ready

    def _take(self, data: bytes) -> None:
        if not data:
            self.at_end = True
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._waiting.extend(json.loads(line) for line in lines if line)
