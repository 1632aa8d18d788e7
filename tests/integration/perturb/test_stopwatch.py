"""Clocks by which the user's code measures time, at another speed within a trial."""

import time
from collections.abc import Callable, Iterator

import pytest

from flakeproof_worker.perturb.stopwatch import Stopwatch

CODE = """
import time
def measured(clock, read):
    start, true = getattr(time, clock)(), read()
    while read() - true < 0.02:
        pass
    return getattr(time, clock)() - start
"""
NAMES = ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns")
STANDING = 1e-9
"""A speed: nobody waits for so long that it shows."""


@pytest.fixture
def clocks() -> Iterator[Callable[[], float]]:
    """A clock that stays true; the others are put back."""
    originals = {name: getattr(time, name) for name in NAMES}
    yield time.monotonic
    for name, original in originals.items():
        setattr(time, name, original)


def of(file: str) -> Callable[[str, Callable[[], float]], float]:
    """The function that measures, as code of that file."""
    names: dict[str, Callable[[str, Callable[[], float]], float]] = {}
    exec(compile(CODE, file, "exec"), names)
    return names["measured"]


@pytest.mark.parametrize("clock", NAMES)
def test_time_is_measured_at_another_speed(clocks: Callable[[], float], clock: str) -> None:
    """Within a trial, and by the user's code alone: event loops and waits keep their time."""
    stopwatch = Stopwatch(STANDING)
    stopwatch.prepare()
    user, library = of("/project/shop.py"), of("/usr/lib/python3.11/queue.py")
    least = 0.02 * (1e9 if clock.endswith("_ns") else 1)
    assert user(clock, clocks) >= least
    stopwatch.begin(1, 1)
    assert user(clock, clocks) < least / 2
    assert library(clock, clocks) >= least
    stopwatch.end(1)
    assert user(clock, clocks) >= least
    assert isinstance(getattr(time, clock)(), int if clock.endswith("_ns") else float)
