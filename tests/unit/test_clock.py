"""The one clock that everything goes by."""

import os

from flakeproof.clock import monotonic_ns, started_ns

_TICK_NS = 30_000_000
"""The kernel counts starts of processes in hundredths of a second."""


def test_a_fork_has_a_start_of_its_own() -> None:
    """A command may be a fork of an interpreter that is much older: its budget is not spent by that."""
    read, write = os.pipe()
    before = monotonic_ns()
    if not (child := os.fork()):
        os.write(write, str(started_ns()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(write)
    with os.fdopen(read) as told:
        found = int(told.read())
    assert before - _TICK_NS <= found <= monotonic_ns()
    assert started_ns() <= before + _TICK_NS
