"""Every known flake that can be made to fail more often, as `flakeproof amplify` meets it, and its twin."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.planted.catalogue import INTERLEAVED, PLANTS, SLOWER, Plant
from tests.planted.rare import RARE, Rare

DELAYED = Path(__file__).parent / "python_delays"


@dataclass(frozen=True)
class Side:
    """What is amplified."""

    project: Path
    words: tuple[str, ...]
    """Targets, or `--` and a program, for flakeproof in the folder of the project."""

    def copy(self, to: Path) -> Path:
        """Copy the project to a new folder in `to`, so that no run leaves anything in the tree."""
        ignored = shutil.ignore_patterns("__pycache__", ".*")
        return Path(shutil.copytree(self.project, to / self.project.name, ignore=ignored))


@dataclass(frozen=True)
class Case:
    """A known flake, and its twin, in which nothing must be found."""

    name: str
    flaky: Side
    twin: Side
    drivers: tuple[str, ...]
    """Factors that make it fail more often by its own mechanism."""
    held: tuple[str, ...] = ()
    """Options that `amplify` is given."""


def _of_plant(plant: Plant) -> Case:
    words = plant.passing or plant.targets
    return Case(plant.name, Side(plant.flaky, words), Side(plant.fixed, words), plant.drivers, plant.held)


def _of_rare(rare: Rare) -> Case:
    words = ("--", sys.executable, rare.target) if rare.is_program else (rare.target,)
    return Case(rare.name, Side(rare.flaky, words), Side(rare.fixed, words), rare.drivers, rare.held)


def _delayed(module: str, function: str, *drivers: str) -> Case:
    """A race in `python_delays`, where both sides are functions of one module."""
    flaky, twin = (Side(DELAYED, (f"{module}:{side}",)) for side in (function, "fixed"))
    return Case(f"{module}:{function}", flaky, twin, drivers)


CASES = (
    *(_of_plant(each) for each in PLANTS if each.drivers),
    *map(_of_rare, RARE),
    _delayed("account", "racy", *INTERLEAVED),
    _delayed("account", "racy_line", *INTERLEAVED),
    _delayed("cache", "racy", *INTERLEAVED),
    _delayed("pidfile", "racy", "delay", *SLOWER),
)


def case(name: str) -> Case:
    """The one of that name. Raises KeyError."""
    return {each.name: each for each in CASES}[name]
