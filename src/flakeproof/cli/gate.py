"""`flakeproof gate`: the options of `run`, but for the question, which is another one."""

import inspect
from typing import Any

import typer

from flakeproof.cli import options
from flakeproof.cli.run import run

_NOT_HERE = ("until_confident", "rate", "error", "resume")
_FIRST = inspect.Parameter.POSITIONAL_OR_KEYWORD


def gate(**given: Any) -> None:
    """Run a target until it is known whether its failure rate is below the one that is allowed.

    Exit status: 0 it is below, 1 it is above, 4 not decided within the tests or the time given; 2 usage, 3 could not
    run, 5 nothing has run, 130 and 143 interrupted.
    """
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given, is_gate=True))


def _parameters() -> list[inspect.Parameter]:
    taken = inspect.signature(run, eval_str=True).parameters
    kept = [parameter for name, parameter in taken.items() if name not in _NOT_HERE]
    own = [
        inspect.Parameter("max_rate", _FIRST, default=None, annotation=options.MaxRate),
        inspect.Parameter("confidence", _FIRST, default=None, annotation=options.Confidence),
    ]
    return [*kept[:2], *own, *kept[2:]]


# What Typer reads.
gate.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
gate.__annotations__ = {parameter.name: parameter.annotation for parameter in _parameters()}
