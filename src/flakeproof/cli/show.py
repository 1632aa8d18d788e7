"""`flakeproof show`."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, recorded_runs, takes

_RUN = argument(
    "run",
    str,
    "latest",
    help="`latest`, the id of a run, its beginning, or a folder.",
    metavar="[RUN]",
    autocompletion=recorded_runs,
)
_TRIAL = argument(
    "trial",
    str | None,
    None,
    help="Number of a test, as printed with its failure.",
    metavar="[TEST]",
    show_default=False,
)


@takes("show", arguments=(_RUN, _TRIAL))
def show(run: str, trial: str | None, **given: Any) -> None:
    """Show what an earlier run has found: its results, and each distinct failure with traceback and output.

    With the number of a test: all that is recorded of that one. Nothing is run.

    Exit status: 0 shown, 2 usage, 5 there is no run.
    """
    from flakeproof.features.run.show import show_run

    raise typer.Exit(show_run(run, trial, given))
