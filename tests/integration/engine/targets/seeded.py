"""Targets that tell what they see of their trial, by failing with it."""

import asyncio
import json
import os
import subprocess
import sys
from unittest import mock

import flakeproof


def _seen() -> dict[str, object]:
    trial = flakeproof.current_trial()
    return {
        "number": trial.number,
        "seed": trial.seed,
        "environment": [os.environ.get("FLAKEPROOF_TRIAL"), os.environ.get("FLAKEPROOF_SEED")],
    }


def _tell(**more: object) -> None:
    raise AssertionError(json.dumps(_seen() | more))


def tell() -> None:
    """Tell number, seed and environment; the number is known also while the environment is empty."""
    with mock.patch.dict(os.environ, clear=True):
        number = flakeproof.current_trial().number
    assert number == flakeproof.current_trial().number
    _tell()


async def a_tell() -> None:
    """Tell number, seed and environment, also in a task."""
    await asyncio.sleep(0)
    trial = flakeproof.current_trial()

    async def inner() -> bool:
        return flakeproof.current_trial() == trial

    assert await asyncio.create_task(inner())
    _tell()


def tell_child() -> None:
    """Tell what a child process sees, after the environment has been cleared and restored."""
    script = "import os; print(os.environ.get('FLAKEPROOF_TRIAL'), os.environ.get('FLAKEPROOF_SEED'))"
    with mock.patch.dict(os.environ, clear=True):
        pass
    found = subprocess.run([sys.executable, "-S", "-c", script], capture_output=True, text=True, check=True)
    _tell(child=found.stdout.split())


def tell_random() -> None:
    """Tell a value of the global random, which is imported here first."""
    import random

    _tell(random=random.random())


def resident() -> None:
    """Fail in two trials of 250,000, with the memory that the process holds."""
    if flakeproof.current_trial().number in (50_000, 250_000):
        with open("/proc/self/statm") as file:  # noqa: PTH123  # as lean as can be
            raise AssertionError(f"pages {file.read().split()[1]}")
