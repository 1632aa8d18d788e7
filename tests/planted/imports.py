"""Tests whose chance comes from what was made or read at import, as data: one module each in `python_imports`.

In the user's life each run is a new process. A fork inherits all of that, so that trials in forks are alike in it.
"""

import shutil
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

FOLDER = Path(__file__).parent / "python_imports"


class Fixed(StrEnum):
    """What decides about the outcome, and when it is fixed."""

    NOTHING = "nothing"
    """It never fails."""
    TRIAL = "trial"
    """A generator: it can be started anew in each fork."""
    PROCESS = "process"
    """Something that no fork can vary."""


@dataclass(frozen=True)
class ImportPlant:
    """One of them."""

    name: str
    rate: float
    """Of failures in new processes."""
    fixed: Fixed
    needs: str = ""
    """A package that it imports, beside pytest."""

    @property
    def file(self) -> str:
        """Its module."""
        return f"test_{self.name}.py"

    @property
    def is_possible(self) -> bool:
        """Whether this interpreter has what it needs."""
        return not self.needs or find_spec(self.needs) is not None

    def copy(self, to: Path) -> Path:
        """Copy it into the folder `to`, so that no run leaves anything in the tree."""
        shutil.copy(FOLDER / self.file, to)
        return to


_NAMES = 4 / 37

IMPORT_PLANTS = (
    ImportPlant("named_seed", 0.0, Fixed.NOTHING),
    ImportPlant("own_generator", 0.1, Fixed.TRIAL),
    ImportPlant("numpy_generator", 0.2, Fixed.TRIAL, "numpy"),
    ImportPlant("numpy_legacy", 0.2, Fixed.TRIAL, "numpy"),
    ImportPlant("faker", 0.1, Fixed.TRIAL, "faker"),
    ImportPlant("factory", 0.2, Fixed.TRIAL, "factory"),
    ImportPlant("counter_and_pid", 0.1, Fixed.TRIAL),
    ImportPlant("temporary_names", _NAMES, Fixed.TRIAL),
    ImportPlant("temporary_name_at_import", _NAMES, Fixed.PROCESS),
    ImportPlant("uuid_at_import", 0.125, Fixed.PROCESS),
    ImportPlant("set_order", 0.25, Fixed.PROCESS),
    ImportPlant("hash", 0.25, Fixed.PROCESS),
    ImportPlant("address", 0.125, Fixed.PROCESS),
    ImportPlant("import_order", 0.25, Fixed.PROCESS),
    ImportPlant("time_at_import", 0.1, Fixed.PROCESS),
    ImportPlant("pid_at_import", 0.2, Fixed.PROCESS),
    ImportPlant("secret_at_import", 0.2, Fixed.PROCESS),
    ImportPlant("shuffle_at_import", 0.2, Fixed.PROCESS),
    ImportPlant("folder_at_import", 0.25, Fixed.PROCESS),
    ImportPlant("seed_from_time", 0.2, Fixed.PROCESS),
    ImportPlant("rare_at_import", 0.05, Fixed.PROCESS),
)


def import_plant(name: str) -> ImportPlant:
    """The one of that name. Raises KeyError."""
    return {each.name: each for each in IMPORT_PLANTS}[name]
