"""The seed that the global generators start from in each trial, whatever the tests have done to them at import."""

from collections.abc import Callable

EACH = "each"
"""The word for that of the trial."""


def start_of(wanted: str) -> Callable[[int], int] | None:
    """From the seed of a trial to what the generators start from in it; None where it is that seed."""
    return None if wanted == EACH else lambda seed: int(wanted)
