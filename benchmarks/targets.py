"""Targets that the benchmarks run."""

import asyncio


def nothing() -> None:
    """Return: what is left is the engine's own cost."""


def failing() -> None:
    """Fail every time."""
    raise AssertionError("this one always fails")


async def sleep_5ms() -> None:
    """Wait as long as `tcprtt` lets the round-trip time settle, and do nothing else."""
    await asyncio.sleep(0.005)
