"""`flakeproof runs`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def runs(
    newest: Annotated[
        str | None, typer.Option("-n", "--newest", help="So many of them. [all]", metavar="N", show_default=False)
    ] = None,
    store: options.StoreFolder = None,
) -> None:
    """List the runs that there are, newest first: when, how far they came, what came out, of what target.

    Exit status: 0, 2 usage, 5 there is none.
    """
    from flakeproof.features.run.runs_command import list_runs

    raise typer.Exit(list_runs(newest, store))
