"""An arm of `flakeproof compare`, written as `run` is called."""

import re
import shlex
from typing import Any

import typer

from flakeproof.cli.command_words import split_command
from flakeproof.cli.run import run
from flakeproof.cli.signature import signed
from flakeproof.errors import UsageError
from flakeproof.settings.table import options_of

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
