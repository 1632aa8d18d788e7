"""`flakeproof gate`: the options of `run`, but for the question, which is another one."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes


@takes("gate", arguments=(CONTEXT, TARGET))
def gate(**given: Any) -> None:
    """Run a target until it is known whether its failure rate is below the one that is allowed.

    Exit status: 0 it is below, 1 it is above, 4 not decided within the tests or the time given; 2 usage, 3 could not
    run, 5 nothing has run, 130 and 143 interrupted.
    """
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given, is_gate=True))
