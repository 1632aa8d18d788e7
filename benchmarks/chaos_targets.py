"""What a campaign of `benchmarks.chaos` runs. Each trial writes its number down before and after, past flakeproof.

A line goes in with one write(2) to a file opened with O_APPEND, so that no death of a process costs or splits one.
"""

import asyncio
import os
import random
import select
import sys

FAILING = 7
"""Each trial whose number this divides fails."""
_LOADING = float(os.environ.get("CHAOS_LOADING", "0"))


def wait(seconds: float) -> None:
    """Stand still; `time.sleep` fails under some versions of libfaketime."""
    select.select([], [], [], seconds)


def note(what: str, trial: int) -> None:
    """Write the line."""
    descriptor = os.open(os.environ["CHAOS_COUNT"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{what} {trial}\n".encode())
    finally:
        os.close(descriptor)


def work(trial: int) -> None:
    """Take a moment, and fail if it is this trial's turn."""
    note("begun", trial)
    wait(random.expovariate(200))
    if trial % FAILING == 0:
        note("failed", trial)
        raise ValueError(f"no luck with this one, out of {FAILING}")
    note("passed", trial)


def function() -> None:
    """A trial of a function."""
    from flakeproof_worker.current import current_trial

    work(current_trial().number)


async def coroutine() -> None:
    """A trial of a coroutine."""
    from flakeproof_worker.current import current_trial

    await asyncio.sleep(random.expovariate(500))
    work(current_trial().number)


def test_function() -> None:
    """A trial of pytest."""
    function()


def test_neighbour() -> None:
    """Its neighbour."""


if __name__ == "__main__":
    wait(_LOADING)
    work(int(sys.argv[1]))
else:
    wait(_LOADING)
