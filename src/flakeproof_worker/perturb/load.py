"""A program that keeps the machine busy until it is killed: ``load.py KIND PARENT FOLDER``.

`cpu` computes, `io` writes files and has them reach the disk, `memory` goes through 256 MB again and again.
"""

import ctypes
import os
import signal
import sys
import tempfile

_PR_SET_PDEATHSIG = 1
_MEMORY = 256 * 1024 * 1024
_PAGE = 4096
_FILE = 1024 * 1024


def main(kind: str, parent: int, folder: str) -> None:
    """Be busy for ever, or until the process `parent` is there no more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return  # it has gone in the meantime
    match kind:
        case "cpu":
            _compute()
        case "io":
            _write(folder)
        case "memory":
            _touch()


def _compute() -> None:
    number = 1
    while True:
        number = number * 1103515245 + 12345 & 0x7FFFFFFF


def _write(folder: str) -> None:
    data = os.urandom(_FILE)
    while True:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())


def _touch() -> None:
    memory = bytearray(_MEMORY)
    value = 0
    while True:
        value = (value + 1) % 256
        for start in range(0, _MEMORY, _PAGE):
            memory[start] = value


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
