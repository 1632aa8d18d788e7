"""From the arguments of a command to its settings and its target, and back to what a user types."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flakeproof.errors import UsageError
from flakeproof.model import PytestTarget, Target
from flakeproof.settings import load as configuration
from flakeproof.settings.load import Config
from flakeproof.settings.table import PROVOKE, TABLE, by_argument, default_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.command_line import is_command, with_dashes
from flakeproof.targets.tests import PytestLine, has_tests, names_tests
from flakeproof.text import parse_duration, parse_share, shown_path

_COMMAND_FORM = "flakeproof run -- ./program ARGUMENT"
_EXAMPLES = {"--set": "io=threads", "--env": "GOMAXPROCS=1"}


def share_in(option: str, text: str, example: str) -> float:
    """The probability that is written for an `option` of one command alone. Raises UsageError."""
    try:
        return parse_share(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}", f"write it like {option} {example}") from None


def settings(options: Mapping[str, Any], targets: Sequence[str] = ()) -> Config:
    """The settings of this command for `targets`; a flag that was not given is not a setting."""
    given = {
        name.replace("_", "-"): value
        for name, value in options.items()
        if value != [] and (value is not False or _can_be_denied(name))
    }
    return configuration.load(given, os.environ, Path.cwd(), targets=targets)


def _can_be_denied(name: str) -> bool:
    row = by_argument(name)
    return row is not None and row.value.can_be_denied


def target_of(
    words: list[str],
    command: list[str] | None,
    selected: Mapping[str, str | None],
    has_pytest_arguments: bool,
    env: list[str] | None,
    *,
    shell: bool,
) -> str | CommandLine | PytestLine:
    """The target of a command line: `words`, or what followed `--`; `selected` are -k and -m. Raises UsageError."""
    expressions = {option: text for option, text in selected.items() if text is not None}
    if command is not None:
        if words:
            raise UsageError(f"both a target ({words[0]!r}) and a command after --", "give one of the two")
        for option in expressions:
            raise UsageError(f"{option} is for tests of pytest, and this is a command", "leave it out")
        if not command or not command[0]:
            raise UsageError("nothing follows --", f"write it like {_COMMAND_FORM}")
        return CommandLine(command, shell, pairs("--env", env, empty=True))
    if shell or env:
        raise UsageError(f"{'--shell' if shell else '--env'} is for commands", "a command is what follows --")
    if is_command(words, Path.cwd()):
        raise UsageError(f"{words[0]!r} is no test and no function", with_dashes(words))
    asks_for_all = not words and (expressions or has_pytest_arguments or has_tests(Path.cwd()))
    if asks_for_all or names_tests(words, Path.cwd()):
        return PytestLine(words, [word for pair in expressions.items() for word in pair])
    if not words:
        raise UsageError(
            "there is no target, and no project of pytest here",
            f"name tests, a function, a scenario, or a command: {_COMMAND_FORM}",
        )
    for option in expressions:
        raise UsageError(f"{option} is for tests of pytest, and {words[0]} is none", "leave it out")
    return words[0]


def pairs(option: str, given: list[str] | None, *, empty: bool = False) -> dict[str, str]:
    """The `NAME=VALUE` of `option` as a dictionary; a value may be `empty`. Raises UsageError."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if option == "--env" and not equals:
            name, equals, value = text, "=", _of_environment(text)
        if not (name and equals and (value or empty)):
            raise UsageError(f"{option} {text!r} is not NAME=VALUE", f"write it like {option} {_EXAMPLES[option]}")
        if found.get(name, value) != value:
            raise UsageError(
                f"{option} {name}={found[name]} and {option} {text} contradict each other", "give one of the two"
            )
        found[name] = value
    return found


def _of_environment(name: str) -> str:
    """The value that `--env NAME` means."""
    value = os.environ.get(name)
    if value is None:
        raise UsageError(
            f"--env {name}: the environment has no such variable", f"write it like --env {_EXAMPLES['--env']}"
        )
    return value


def wanted_by(given: Mapping[str, Any], command: list[str] | None) -> str | CommandLine | PytestLine:
    """The target that arguments of `run` name; `command` is what followed `--`. Raises UsageError."""
    return target_of(
        list(given["target"] or []),
        command,
        {"-k": given["keyword"], "-m": given["marker"]},
        given["pytest_args"] is not None,
        given["env"],
        shell=given["shell"],
    )


def options_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments `given` to a command that are settings."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        row = by_argument(name)
        if row is not None and not row.only_typed:
            found[name] = value
    return found


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
    """How to call flakeproof here, for commands that the user is shown."""
    beside = Path(sys.executable).with_name("flakeproof")
    found = shutil.which("flakeproof")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "flakeproof"
    return shown_path(str(beside)) if beside.exists() else f"{shown_path(sys.executable)} -m flakeproof"


def budget(text: str | None, command: str, *, least: float) -> float:
    """Seconds: those in `text`, or the default of the `command` if it is None.

    Raises UsageError for less than the `least`.
    """
    if text is None:
        return float(default_of("budget", command))
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from None
    if seconds < least:
        raise UsageError(f"--budget {text} is too short to see anything", "give it minutes: --budget 5m")
    return seconds
