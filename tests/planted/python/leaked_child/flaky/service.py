"""Starts a service that tells through a pipe when it is ready, and an indexer beside it."""

import os
import select
import subprocess

PATIENCE = 0.002
"""Seconds to wait for what a service has said before it ended: it is there already."""


class Service:
    """A service that says on a descriptor of its own that it is ready, and closes it."""

    def __init__(self) -> None:
        self._said, ready = os.pipe()
        os.set_inheritable(ready, True)
        self._process = subprocess.Popen(["sh", "-c", f"echo ready >/dev/fd/{ready}"], close_fds=False)
        subprocess.Popen(["sh", "-c", "cksum /etc/passwd >/dev/null"], close_fds=False)  # guilty
        os.close(ready)

    def said(self) -> str:
        """What the service has said, to the end. Raises TimeoutError if it does not come to an end."""
        self._process.wait()
        text = b""
        while True:
            if not select.select([self._said], [], [], PATIENCE)[0]:
                raise TimeoutError(f"no end after {text!r}")
            data = os.read(self._said, 64)
            if not data:
                return text.decode().strip()
            text += data

    def close(self) -> None:
        """Let go of the pipe."""
        self._process.wait()
        os.close(self._said)
