"""Room for a few descriptors more than there are when the tests of a process begin, and for no more.

Descriptors are numbers, the lowest free one is taken, and the limit of the operating system is one for the numbers
(getrlimit(2), RLIMIT_NOFILE). So the limit is put where so many numbers below it are free.
"""

import os
import resource
from contextlib import suppress
from threading import Lock


class FewDescriptors:
    """The limit of this process while trials run in it; between them there is none, so that ours can be reported."""

    def __init__(self, room: int) -> None:
        """`room` is for all trials that run at once."""
        self._room = room
        self._lock = Lock()
        self._running = 0
        self._limit = 0
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins; the first one in a process shows what is open without trials. What they leak stays so."""
        with self._lock:
            if not self._limit:
                self._limit = limit_with(self._room)
            if not self._running:
                self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
                soft, hard = self._before
                self._set(self._limit if soft == resource.RLIM_INFINITY else min(self._limit, soft), hard)
            self._running += 1

    def end(self, trial: int) -> None:
        """It has ended."""
        with self._lock:
            self._running -= 1
            if not self._running:
                self._set(self._before[0], resource.getrlimit(resource.RLIMIT_NOFILE)[1])

    def _set(self, soft: int, hard: int) -> None:
        with suppress(ValueError, OSError):  # a trial may have lowered what it can never raise again
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit_with(room: int) -> int:
    """The limit below which `room` numbers are free in this process."""
    limit = 0
    opened = _open()
    while room:
        room -= limit not in opened
        limit += 1
    return limit


def _open() -> set[int]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"  # noqa: PTH112 - no pathlib here
    found = set()
    for name in os.listdir(folder):  # noqa: PTH208
        with suppress(OSError):  # the one of the listing itself
            os.fstat(int(name))
            found.add(int(name))
    return found
