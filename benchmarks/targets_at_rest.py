"""Targets on which perturbations have nothing to do, so that what is left is the cost of their being there."""

import sys
from typing import Any

_SETTLE = 0.005
_PROBABILITIES = {
    "race": ("_GIVES_WAY", "_WAITS"),
    "race_asyncio": ("_LATE", "_LEFT", "_POSTPONED"),
}


def _race_at_rest() -> None:
    """All of `--race` is in place, and each draw says no."""
    for name, constants in _PROBABILITIES.items():
        module: Any = sys.modules.get(f"flakeproof_worker.perturb.{name}")
        for constant in constants if module is not None else ():
            assert getattr(module, constant) >= 0
            setattr(module, constant, 0.0)


_race_at_rest()


async def tcprtt() -> None:
    """The scenario of this name."""
    from flakeproof.scenarios.tcprtt import trial_asyncio  # not where another Python computes

    await trial_asyncio("fixed", _SETTLE)


def busy() -> None:
    """Compute with many calls and many lines, and call what a delay may match once.

    For long enough that what is drawn at the beginning of a test does not matter: this is about other code.
    """
    chosen()
    if _fibonacci(24) != 46_368 or _sum(200_000) != 19_999_900_000:
        raise AssertionError("wrong")


def chosen() -> None:
    """Nothing; it is there to be matched."""


def _fibonacci(number: int) -> int:
    return number if number < 2 else _fibonacci(number - 1) + _fibonacci(number - 2)


def _sum(count: int) -> int:
    total = 0
    for number in range(count):
        total += number
    return total
