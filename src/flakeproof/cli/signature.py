"""The options of the commands, composed from the table of settings: what Typer reads of a command."""

import inspect
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple, TypeVar

import typer

from flakeproof.settings.table import Setting, Use, options_of

Command = TypeVar("Command", bound=Callable[..., None])
_TAKES = "flakeproof_takes"


class _Takes(NamedTuple):
    """What a command takes beside the options of the table."""

    name: str
    arguments: tuple[inspect.Parameter, ...]
    own: tuple[Setting, ...]


def takes(name: str, *own: Setting, arguments: tuple[inspect.Parameter, ...] = ()) -> Callable[[Command], Command]:
    """Mark a function of `**given` as a command: it has `arguments`, its `own` options, and those of the table.

    `name` is what the table calls it.
    """

    def mark(command: Command) -> Command:
        setattr(command, _TAKES, _Takes(name, arguments, own))
        return command

    return mark


def signed(command: Command) -> Command:
    """The command, with a signature that has all its options as the table is now."""
    command.__signature__ = inspect.Signature(parameters(command))  # type: ignore[attr-defined]
    return command


def parameters(command: Callable[..., None]) -> list[inspect.Parameter]:
    """What a command takes: arguments, then its own options, then those of the table, in its order."""
    name, arguments, own = getattr(command, _TAKES)
    kept = {row.argument_name: _option(row, row.uses.get(name)) for row in (*own, *reversed(options_of(name)))}
    first = [kept.pop(row.argument_name) for row in own]
    return [*arguments, *first, *reversed(kept.values())]


def argument(name: str, kind: Any, default: Any = inspect.Parameter.empty, **what: Any) -> inspect.Parameter:
    """An argument of a command; `what` is what `typer.Argument` takes."""
    annotation = Annotated[kind, typer.Argument(**what)]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation)


def recorded_runs() -> list[str]:
    """What a shell completes for a run: the ids of those in the usual folder, the newest first."""
    with suppress(OSError):
        return ["latest", *sorted((path.name for path in Path(".flakeproof", "runs").iterdir()), reverse=True)]
    return ["latest"]


CONTEXT = inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
TARGET = argument(
    "target",
    list[str] | None,
    None,
    help="tests/test_x.py::test_y …, a function as pkg.module:function, tcprtt, or -- COMMAND ARG…",
    metavar="TARGET",
    show_default=False,
)


RUN = argument(
    "run",
    str,
    help="`latest`, the id of a run, its beginning, or a folder.",
    metavar="RUN",
    show_default=False,
    autocompletion=recorded_runs,
)


def _option(row: Setting, use: Use | None) -> inspect.Parameter:
    own = "" if row.otherwise else row.default
    text, default = (use.help, use.default or own) if use is not None else (row.help, own)
    option = typer.Option(
        *(row.flags or (f"--{row.name}",)),
        *(use.also if use is not None else ()),
        help=f"{text} [{default}]" if default else text,
        rich_help_panel=row.panel or None,
        metavar=row.metavar,
        show_default=False,
        autocompletion=(lambda: list(row.completes)) if row.completes else None,
    )
    kind: Any = str | None
    if row.value.is_flag:
        kind = bool | None if row.value.can_be_denied else bool
    elif row.value.is_repeated:
        kind = list[str] | None
    elif row.value.parts == 2:
        kind = tuple[str, str] | None
    return inspect.Parameter(
        row.argument_name,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        default=False if row.value.is_flag and not row.value.can_be_denied else None,
        annotation=Annotated[kind, option],
    )
