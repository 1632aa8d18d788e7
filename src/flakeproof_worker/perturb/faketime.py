"""Shift the time of day of a command by libfaketime, a library that is preloaded into its programs.

The library shifts the time of day, not monotonic clocks. All processes of a trial must see one clock, so they share its
start through shared memory and a semaphore, which this module makes as the wrapper `faketime` does: otherwise, children
of a shell would start clocks of their own, and leave their memory behind when they are killed. Source: libfaketime
0.9.10, README and faketime.c.
"""

import ctypes
import glob
import os
import struct
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flakeproof_worker.perturb.process_state import enter
from flakeproof_worker.shared import instants
from flakeproof_worker.shared.variables import ZONE, zone_of

_NAME = "libfaketimeMT.so.1"
"""The variant for programs with threads."""
_PRELOAD = "LD_PRELOAD"
_SHARED_MEMORY = "/dev/shm"
_OWN = "flakeproof-"
_PAGE = 4096
_NOT_STARTED = 24, struct.pack("<q", -1)
"""Offset of the start (nanoseconds) in the shared memory, and the value that means "not started"."""


def library() -> str | None:
    """Path of the library, None if it is not installed."""
    architecture = getattr(sys.implementation, "_multiarch", "")
    patterns = (
        f"/usr/lib/{architecture}/faketime/{_NAME}",
        f"/usr/lib/faketime/{_NAME}",
        f"/usr/lib64/faketime/{_NAME}",
        f"/usr/local/lib/faketime/{_NAME}",
        f"/usr/local/lib/*/faketime/{_NAME}",
    )
    return next((path for pattern in patterns for path in sorted(glob.glob(pattern))), None)  # noqa: PTH207


class Faketime:
    """The clocks of the trials that this process starts, one at a time in each lane."""

    def __init__(self, asked: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """`environment` is the environment of all trials. Raises OSError if the library is not installed."""
        found = library()
        if found is None:
            raise OSError("libfaketime is not installed any more")
        _clear_up_after_the_dead()
        self._asked = asked
        self._preload = f"{found}:{others}" if (others := environment.get(_PRELOAD)) else found
        self._zone = environment.get(ZONE)
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.sem_open.restype = ctypes.c_void_p

    def variables(self, lane: int, seed: int) -> dict[str, str]:
        """Variables that give the programs of the trial with this seed its time, starting now. Raises OSError."""
        clock: str = self._asked["clock"]
        enter(zone_of(self._asked, seed) or self._zone)  # midnight depends on the zone
        shift = instants.shift(clock, seed, time.time())
        rate = instants.speed(clock)
        name = self._share(lane)
        return {
            _PRELOAD: self._preload,
            "FAKETIME": f"{shift:+.6f}" + (f" x{rate:g}" if rate != 1 else ""),
            "FAKETIME_SHARED": f"/{name} /{name}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # files have the true time
        }

    def clear_up(self) -> None:
        """Remove the shared memory and semaphores, after the last trial."""
        clear_up(os.getpid())

    def _share(self, lane: int) -> str:
        """Make new memory and a new semaphore, and return their name: a killed trial may still hold the old one."""
        name = f"{_OWN}{os.getpid()}-{lane}"
        _remove(name)
        descriptor = os.open(f"{_SHARED_MEMORY}/{name}", os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, _PAGE)
            os.pwrite(descriptor, _NOT_STARTED[1], _NOT_STARTED[0])
        finally:
            os.close(descriptor)
        semaphore = self._libc.sem_open(f"/{name}".encode(), os.O_CREAT | os.O_EXCL, 0o600, 1)
        if not semaphore:
            raise OSError(ctypes.get_errno(), "no semaphore for the clock of a trial")
        self._libc.sem_close(ctypes.c_void_p(semaphore))
        return name


def clear_up(pid: int) -> None:
    """Remove the clocks' memory and semaphores of the worker process `pid`, which starts no further trials."""
    for path in glob.glob(f"{_SHARED_MEMORY}/*{_OWN}{pid}-*"):  # noqa: PTH207
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108


def _remove(name: str) -> None:
    for prefix in ("", "sem."):
        with suppress(OSError):
            os.unlink(f"{_SHARED_MEMORY}/{prefix}{name}")  # noqa: PTH108


def _clear_up_after_the_dead() -> None:
    """Remove what processes have left that were killed before they, or the run, could clear up."""
    for path in glob.glob(f"{_SHARED_MEMORY}/*{_OWN}*-*"):  # noqa: PTH207
        pid = path.rpartition(_OWN)[2].partition("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            clear_up(int(pid))
