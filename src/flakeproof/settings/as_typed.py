"""A target and its options as they are typed again."""

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from flakeproof.cli.perturbation_options import PROVOKING
from flakeproof.model import PytestTarget, Target
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine

_SHORT = {"workers": "-w", "set_": "--set"}
NAMING = ("set_", "server", "settle", "python", "pytest_args", "cwd")
"""Arguments of a command that say what the target is."""


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
        variables = [word for name in wanted.environment for word in ("--env", name)]  # a value may be a password
        return [*variables, *(["--shell"] if wanted.shell else []), "--", *wanted.words]
    if isinstance(wanted, PytestLine):
        assert isinstance(target, PytestTarget)
        return [*target.arguments, *wanted.options]
    return [wanted]


def typed(wanted: str | CommandLine | PytestLine, target: Target, given: Mapping[str, Any]) -> str:
    """The target as it is named on the command line."""
    return shlex.join([*options_typed(given, (*NAMING, *PROVOKING)), *target_typed(wanted, target)])
