"""The time of day of a command by libfaketime, a library that is loaded into its programs before all others.

It shifts clocks of time of day; monotonic ones are left alone. The processes of one trial share one clock by way of
shared memory, which the library itself removes unless its process is killed. Source: libfaketime's README.
"""

import glob
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flakeproof_worker.perturb import instants
from flakeproof_worker.perturb.variables import zone_of
from flakeproof_worker.perturb.zone import enter

_NAME = "libfaketimeMT.so.1"
"""That for programs with threads."""
_PRELOAD = "LD_PRELOAD"
_LEFT = ("/dev/shm/faketime_shm_{}", "/dev/shm/sem.faketime_sem_{}")


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
    """The clocks of the trials of a run."""

    def __init__(self, asked: Mapping[str, Any], environment: Mapping[str, str]) -> None:
        """`environment` is that of all trials. Raises OSError without the library."""
        found = library()
        if found is None:
            raise OSError("libfaketime is not installed any more")
        self._asked = asked
        self._preload = f"{found}:{others}" if (others := environment.get(_PRELOAD)) else found
        self._zone = environment.get("TZ")

    def variables(self, seed: int) -> dict[str, str]:
        """What has the programs of the trial with this seed show its time, if they start now."""
        clock: str = self._asked["clock"]
        if clock == instants.BOUNDARIES or clock[0] in "0123456789":
            enter(zone_of(self._asked, seed) or self._zone)  # midnight is a matter of the zone
        shift = instants.shift(clock, seed, time.time())
        rate = instants.speed(clock)
        return {
            _PRELOAD: self._preload,
            "FAKETIME": f"{shift:+.6f}" + (f" x{rate:g}" if rate != 1 else ""),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",  # files have the true time
        }


def clear_up(pid: int) -> None:
    """Remove what the first process of a trial has left of the library, which has been killed."""
    for name in _LEFT:
        with suppress(OSError):
            os.unlink(name.format(pid))  # noqa: PTH108 - no pathlib in a worker
