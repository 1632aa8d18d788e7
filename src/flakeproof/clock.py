"""All time goes through here: the wall clock for stamps, the monotonic clock for durations."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

# Private names, bound early: tests that patch `time` in this process must not stop our clocks.
_monotonic_ns = time.perf_counter_ns
_wall = time.time
_since_boot_ns, _BOOT = time.clock_gettime_ns, time.CLOCK_BOOTTIME


def monotonic_ns() -> int:
    """Nanoseconds on a clock that only goes forward, the same for all processes of this machine (CLOCK_MONOTONIC)."""
    return _monotonic_ns()


def now() -> datetime:
    """The time of day, UTC."""
    return datetime.fromtimestamp(_wall(), UTC)


def started_ns() -> int:
    """When this process was started, or forked, on the same clock; the moment of the call where `/proc` does not tell.

    The kernel counts in ticks of a hundredth of a second, and from the boot on.
    """
    try:
        fields = Path("/proc/self/stat").read_bytes().rpartition(b")")[2].split()
        begun_ns = int(fields[19]) * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return monotonic_ns()
    return monotonic_ns() - max(0, _since_boot_ns(_BOOT) - begun_ns)
