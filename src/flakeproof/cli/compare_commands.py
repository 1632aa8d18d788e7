"""The commands that compare two arms: `verify compare`; and how an arm is written, as `run` is called."""

import re
import shlex
from typing import Any

import typer

from flakeproof.cli.run_commands import run
from flakeproof.cli.signature import CONTEXT, TARGET, signed, takes
from flakeproof.errors import UsageError
from flakeproof.settings.table import HOW_MUCH, Setting, options_of
from flakeproof.settings.values import TEXT, TEXTS
from flakeproof.targets.command_line import split_command

FORM = 'write it like --arm leaky:"tcprtt --server leaky" --arm fixed:tcprtt'
_NAME = re.compile(r"[A-Za-z0-9_.-]+")


def parse_arm(text: str) -> tuple[str, dict[str, Any], list[str] | None]:
    """Name, arguments of `run` and command of an arm. Raises UsageError."""
    name, colon, line = text.partition(":")
    if not colon or not line.strip() or not _NAME.fullmatch(name):
        raise UsageError(f"--arm {text!r} is not a name and a target", FORM)
    try:
        words, command = split_command(shlex.split(line))
    except ValueError as error:
        raise UsageError(f"--arm {text!r} cannot be read: {error}", "quote it as for a shell") from None
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(signed(run))
    context = typer.main.get_command(app).make_context(f"--arm {name}", words, obj=command)
    given = dict(context.params)
    of_arms = options_of("arm")
    for row in options_of("run"):
        if row not in of_arms and given.pop(row.argument_name):
            flag = row.flags[-1] if row.flags else f"--{row.name}"
            raise UsageError(f"--arm {name}: {flag} is not a matter of an arm", "give it to the comparison")
    return name, given, command


_OWN = (
    Setting("base", TEXT, "Revision before the fix. [HEAD]", HOW_MUCH, "REV"),
    Setting("fix", TEXT, "Revision with the fix. [the working tree as it is]", HOW_MUCH, "REV"),
    Setting("build", TEXT, "Command that builds an arm, run in each before the tests.", HOW_MUCH, "COMMAND"),
)


@takes("verify", *_OWN, arguments=(CONTEXT, TARGET))
def verify(**given: Any) -> None:
    """Run a target before and after a change, in turns, until it is known whether it fails less often.

    The base is checked out beside the working tree, which is not touched.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run or build, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.verify_command import verify_fix

    raise typer.Exit(verify_fix(given))


_ARM = Setting(
    "arm",
    TEXTS,
    "One side: a name, and target and options as for `run`. The first is the base.",
    HOW_MUCH,
    'NAME:"TARGET …"',
)


@takes("compare", _ARM, arguments=(CONTEXT,))
def compare(**given: Any) -> None:
    """Run two arms in turns until it is known whether the second fails less often.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.command import compare_arms

    raise typer.Exit(compare_arms(given, parse_arm))
