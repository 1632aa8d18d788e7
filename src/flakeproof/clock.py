"""All time goes through here: the wall clock for stamps, the monotonic clock for durations."""

import time
from datetime import UTC, datetime

# Private names, bound early: tests that patch `time` in this process must not stop our clocks.
_monotonic_ns = time.perf_counter_ns
_wall = time.time


def monotonic_ns() -> int:
    """Nanoseconds on a clock that only goes forward, the same for all processes of this machine (CLOCK_MONOTONIC)."""
    return _monotonic_ns()


def now() -> datetime:
    """The time of day, UTC."""
    return datetime.fromtimestamp(_wall(), UTC)


STARTED_NS = monotonic_ns()
"""When this was imported first: soon after a command has been called."""
