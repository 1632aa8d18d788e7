"""Thumbnails, made in the background."""

import queue
import threading
import zlib

DEADLINE = 30
"""Seconds within which a thumbnail is there."""


def shrink(picture: bytes) -> bytes:
    """A small version of a picture."""
    return zlib.compress(picture, 9)


def thumbnail(picture: bytes) -> bytes:
    """A small version of a picture. Raises queue.Empty if it takes too long."""
    made: queue.Queue[bytes] = queue.Queue()
    worker = threading.Thread(target=lambda: made.put(shrink(picture)))
    worker.start()
    try:
        return made.get(timeout=DEADLINE)
    finally:
        worker.join()
