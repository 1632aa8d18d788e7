"""The seed that the global generators start from in each trial, whatever the tests have done to them at import."""

from collections.abc import Callable, Mapping
from typing import Any

from flakeproof_worker.randomness import GlobalRandom

EACH = "each"
"""The word for a seed that is drawn for each trial."""


def start_of(asked: Mapping[str, Any]) -> Callable[[int], int]:
    """From the seed of a trial to what the generators start from in it."""
    wanted: str = asked["random_seed"]
    return (lambda seed: seed) if wanted == EACH else (lambda seed: int(wanted))


class Seeding:
    """Seeds the global generators at the start of each trial that is a call."""

    def __init__(self, asked: Mapping[str, Any]) -> None:
        """`asked` has the seed."""
        self._start_of = start_of(asked)
        self._generators = GlobalRandom(start_of=self._start_of)

    def prepare(self) -> None:
        """Nothing is to be done before."""

    def begin(self, trial: int, seed: int) -> None:
        """A trial begins."""
        self._generators.seed(self._start_of(seed))

    def end(self, trial: int) -> None:
        """It has ended."""
