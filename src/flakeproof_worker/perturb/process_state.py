"""Perturbations that change a process for each trial: garbage collection, time zone, room for descriptors."""

import gc
import os
import resource
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Lock
from typing import Any

from flakeproof_worker.shared import draws
from flakeproof_worker.shared.variables import ZONE, zone_of


class Garbage:
    """Collects the youngest generation after a number of allocations that is drawn for each trial, or never."""

    def __init__(self, allocations: int) -> None:
        """`allocations` is the average; 0 for never, which a threshold of 0 means to the collector as well."""
        self._allocations = allocations
        self._lock = Lock()
        self._running = 0
        self._before = gc.get_threshold()

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins in this thread."""
        most = 2 * self._allocations - 1
        threshold = draws.generator(seed, "gc").randint(1, most) if self._allocations else 0
        with self._lock:
            if not self._running:
                self._before = gc.get_threshold()
            self._running += 1
            gc.set_threshold(threshold, *self._before[1:])

    def end(self, trial: int) -> None:
        """The trial has ended: collect its garbage now, so that errors in finalisers still count as its own."""
        gc.collect()
        with self._lock:
            self._running -= 1
            if not self._running:
                gc.set_threshold(*self._before)


class Zone:
    """The local time zone of this process, set by the variable TZ."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        """`asked` has the zones to draw from."""
        self._asked = asked
        self._before: str | None = None

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins: enter its zone."""
        self._before = os.environ.get(ZONE)
        enter(zone_of(self._asked, seed))

    def end(self, trial: int) -> None:
        """The trial has ended: return to the zone before it."""
        enter(self._before)


def enter(zone: str | None) -> None:
    """Make `zone` the local time zone; None for the machine's."""
    if zone is None:
        os.environ.pop(ZONE, None)
    else:
        os.environ[ZONE] = zone
    time.tzset()


class FewDescriptors:
    """Limits the descriptors of this process while trials run in it; between trials, flakeproof can report freely."""

    def __init__(self, room: int) -> None:
        """`room` is the number of descriptors for all trials that run at once."""
        self._room = room
        self._lock = Lock()
        self._running = 0
        self._limit = 0
        self._before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins; the first one in a process sets the limit, so descriptors that trials leak use it up."""
        with self._lock:
            if not self._limit:
                self._limit = limit_with(self._room)
            if not self._running:
                self._before = resource.getrlimit(resource.RLIMIT_NOFILE)
                soft, hard = self._before
                self._set(self._limit if soft == resource.RLIM_INFINITY else min(self._limit, soft), hard)
            self._running += 1

    def end(self, trial: int) -> None:
        """The trial has ended."""
        with self._lock:
            self._running -= 1
            if not self._running:
                self._set(self._before[0], resource.getrlimit(resource.RLIMIT_NOFILE)[1])

    def _set(self, soft: int, hard: int) -> None:
        with suppress(ValueError, OSError):  # a trial may have lowered the hard limit, which cannot be raised again
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit_with(room: int) -> int:
    """The limit below which `room` descriptor numbers are free in this process."""
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
        with suppress(OSError):  # the descriptor of the listing itself
            os.fstat(int(name))
            found.add(int(name))
    return found
