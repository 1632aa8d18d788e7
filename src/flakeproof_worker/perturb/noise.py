"""A program that keeps the machine busy until it is killed: ``noise.py KIND SHARE CPUS PARENT FOLDER``.

`cpu` computes, `io` writes files and syncs them to disk, `memory` writes through 256 MB again and again. It is busy for
SHARE of the time, on CPUS CPUs (0: all).
"""

import ctypes
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_MEMORY = 256 * 1024 * 1024
_PAGE = 4096
_AT_ONCE = 4 * 1024 * 1024
_FILE = 1024 * 1024
_STEPS = 1000
_LEAST_NAP = 0.01
"""Seconds: about one time slice of a scheduler, so that a share of the load looks like another program's."""


def main(kind: str, share: float, cpus: int, parent: int, folder: str) -> None:
    """Be busy until the process `parent` ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # the parent has ended meanwhile
    if cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    work = {"cpu": _computing, "io": lambda: _writing(folder), "memory": _touching}[kind]()
    busy, start = 0.0, time.monotonic()
    for _ in work:
        now = time.monotonic()
        busy += now - start
        nap = busy * (1 / share - 1)
        if nap >= _LEAST_NAP:
            time.sleep(nap)
            busy = 0.0
        start = time.monotonic()


def _computing() -> Iterator[None]:
    number = 1
    while True:
        for _ in range(_STEPS):
            number = number * 1103515245 + 12345 & 0x7FFFFFFF
        yield


def _writing(folder: str) -> Iterator[None]:
    data = os.urandom(_FILE)
    while True:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield


def _touching() -> Iterator[None]:
    memory = bytearray(_MEMORY)
    value = 0
    while True:
        value = (value + 1) % 256
        for part in range(0, _MEMORY, _AT_ONCE):
            for start in range(part, part + _AT_ONCE, _PAGE):
                memory[start] = value
            yield


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
