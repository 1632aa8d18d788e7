"""Opens a shop and asks there for a pencil. A program: `client.py`."""

import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GLANCE = 0.01
"""Seconds between two looks at the door."""


def ask(door: Path, wish: str) -> str:
    """What it costs."""
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.connect(str(door))
        visitor.sendall(f"{wish}\n".encode())
        return visitor.makefile().readline().strip()


def visit(folder: Path) -> str:
    """What a pencil costs in a shop of its own."""
    with subprocess.Popen([sys.executable, Path(__file__).with_name("server.py"), folder]) as shop:
        try:
            while shop.poll() is None:
                try:
                    return ask(folder / "door", "pencil")
                except (FileNotFoundError, ConnectionRefusedError):
                    time.sleep(GLANCE)
            raise RuntimeError(f"the shop has closed with {shop.returncode}")
        finally:
            shop.terminate()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(visit(Path(place)) != "5 cents")
