"""A target and its options as they are typed again."""

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flakeproof.model import PytestTarget, Target
from flakeproof.perturbations.registry import KINDS
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import shown_path

_SHORT = {"workers": "-w", "set_": "--set"}
NAMING = ("set_", "server", "settle", "python", "pytest_args", "cwd")
"""Arguments of a command that say what the target is."""
_PROVOKING = (*(name.replace("-", "_") for name in KINDS), "best_effort")


def options_typed(given: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Those of the arguments `given` to a command that have one of the `names`, as words."""
    words: list[str] = []
    for name in names:
        value = given.get(name)
        option = _SHORT.get(name, f"--{name.replace('_', '-')}")
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            words += [word for one in value for word in (option, one)]
        elif value not in (None, False):
            words += [option, str(value)]
    return words


def target_typed(wanted: str | CommandLine | PytestLine, target: Target) -> list[str]:
    """The target, with what selects in it."""
    if isinstance(wanted, CommandLine):
        variables = [word for name, value in wanted.environment.items() for word in ("--env", f"{name}={value}")]
        return [*variables, *(["--shell"] if wanted.shell else []), "--", *wanted.words]
    if isinstance(wanted, PytestLine):
        assert isinstance(target, PytestTarget)
        return [*target.arguments, *wanted.options]
    return [wanted]


def typed(wanted: str | CommandLine | PytestLine, target: Target, given: Mapping[str, Any]) -> str:
    """The target as it is named on the command line."""
    return shlex.join([*options_typed(given, (*NAMING, *_PROVOKING)), *target_typed(wanted, target)])


def command_name() -> str:
    """How this program is called here, for commands that a user is told to type."""
    beside = Path(sys.executable).with_name("flakeproof")
    found = shutil.which("flakeproof")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "flakeproof"
    return shown_path(str(beside)) if beside.exists() else f"{shown_path(sys.executable)} -m flakeproof"
