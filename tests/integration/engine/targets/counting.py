"""Trials that keep a count of their own, which flakeproof knows nothing of: a line each, appended with one write(2)."""

import asyncio
import os
import sys
import unittest

FAILS, DIES, SKIPS = (int(number) for number in os.environ.get("COUNTING", "0,0,0").split(","))
"""Every how many trials one of this kind comes; 0 for never."""


def note(what: str, trial: int) -> None:
    """Append the line."""
    descriptor = os.open(os.environ["COUNTED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{what} {trial}\n".encode())
    finally:
        os.close(descriptor)


def behave(trial: int) -> None:
    """Note that the trial has begun, and how it is going to end."""
    note("begun", trial)
    if DIES and trial % DIES == 0:
        note("died", trial)
        os._exit(9)
    if FAILS and trial % FAILS == 0:
        note("failed", trial)
        raise ValueError("this one fails")
    if SKIPS and trial % SKIPS == 0:
        note("skipped", trial)
        raise unittest.SkipTest("not now")
    note("passed", trial)


def trial_number() -> int:
    """Number of the trial that runs here."""
    from flakeproof_worker.current import current_trial

    return current_trial().number


def function() -> None:
    """A trial of a function."""
    behave(trial_number())


async def coroutine() -> None:
    """A trial of a coroutine."""
    await asyncio.sleep(0)
    behave(trial_number())


def test_counted() -> None:
    """A trial of pytest."""
    behave(trial_number())


if __name__ == "__main__":
    arm, number = sys.argv[1], int(sys.argv[2])
    note(f"{arm}-begun", number)
    fails = (arm == "base" and number % 3 == 0) or (arm == "fix" and number % 5 == 0)
    note(f"{arm}-{'failed' if fails else 'passed'}", number)
    sys.exit(fails)
