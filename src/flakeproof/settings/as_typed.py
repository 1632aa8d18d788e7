"""A target and its options as they are typed again."""

import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flakeproof.model import PytestTarget, Target
from flakeproof.settings.table import PROVOKE, TABLE, by_argument
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine
from flakeproof.text import shown_path


def options_typed(given: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """Those of the arguments `given` to a command that have one of the `names`, as words."""
    words: list[str] = []
    for name in names:
        value, row = given.get(name), by_argument(name)
        option = row.flags[0] if row is not None and row.flags else f"--{name.rstrip('_').replace('_', '-')}"
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
    rows = [row for row in TABLE.values() if row.names_target or row.panel == PROVOKE]
    return shlex.join([*options_typed(given, [row.argument_name for row in rows]), *target_typed(wanted, target)])


def command_name() -> str:
    """How this program is called here, for commands that a user is told to type."""
    beside = Path(sys.executable).with_name("flakeproof")
    found = shutil.which("flakeproof")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "flakeproof"
    return shown_path(str(beside)) if beside.exists() else f"{shown_path(sys.executable)} -m flakeproof"
