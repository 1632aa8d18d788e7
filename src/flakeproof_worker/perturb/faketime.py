"""The time of day of a command by libfaketime, a library that is loaded into its programs before all others.

It shifts clocks of time of day; monotonic ones are left alone. So that all processes of a trial see one clock, they
share its start by way of memory and a semaphore, which we make as the wrapper `faketime` does: otherwise children of a
shell start clocks of their own, and leave their memory behind when they are killed. Source: libfaketime 0.9.10, README
and faketime.c.
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
"""That for programs with threads."""
_PRELOAD = "LD_PRELOAD"
_SHARED_MEMORY = "/dev/shm"
_OWN = "flakeproof-"
_PAGE = 4096
_NOT_STARTED = 24, struct.pack("<q", -1)
"""Where in the memory the nanoseconds of the start are, and what says that there has been none."""


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
        """`environment` is that of all trials. Raises OSError without the library."""
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
        """What has the programs of the trial with this seed show its time, if they start now. Raises OSError."""
        clock: str = self._asked["clock"]
        enter(zone_of(self._asked, seed) or self._zone)  # midnight is a matter of the zone
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
        """Remove what was made for them; there is no trial any more."""
        clear_up(os.getpid())

    def _share(self, lane: int) -> str:
        """The name of memory and semaphore that are new: a trial that was killed may have held the old one."""
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
    """Remove what the worker process `pid`, which starts no further trial, has made for clocks."""
    for path in glob.glob(f"{_SHARED_MEMORY}/*{_OWN}{pid}-*"):  # noqa: PTH207
        with suppress(OSError):
            os.unlink(path)  # noqa: PTH108


def _remove(name: str) -> None:
    for prefix in ("", "sem."):
        with suppress(OSError):
            os.unlink(f"{_SHARED_MEMORY}/{prefix}{name}")  # noqa: PTH108


def _clear_up_after_the_dead() -> None:
    """Remove what was made by processes that were killed before they, or the run, could do so."""
    for path in glob.glob(f"{_SHARED_MEMORY}/*{_OWN}*-*"):  # noqa: PTH207
        pid = path.rpartition(_OWN)[2].partition("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):  # noqa: PTH110
            clear_up(int(pid))
