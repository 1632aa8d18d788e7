"""`flakeproof show`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def show(
    run: Annotated[
        str,
        typer.Argument(
            help="`latest`, the id of a run, its beginning, or a folder.",
            metavar="[RUN]",
            autocompletion=options.recorded_runs,
        ),
    ] = "latest",
    trial: Annotated[
        str | None,
        typer.Argument(help="Number of a test, as printed with its failure.", metavar="[TEST]", show_default=False),
    ] = None,
    store: options.StoreFolder = None,
) -> None:
    """Show what an earlier run has found: its results, and each distinct failure with traceback and output.

    With the number of a test: all that is recorded of that one. Nothing is run.

    Exit status: 0 shown, 2 usage, 5 there is no run.
    """
    from flakeproof.features.run.show import show_run

    raise typer.Exit(show_run(run, trial, {"store": store}))
