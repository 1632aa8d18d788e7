"""`flakeproof runs`."""

from typing import Any

import typer

from flakeproof.cli.signature import takes
from flakeproof.settings.table import Setting
from flakeproof.settings.values import TEXT

_NEWEST = Setting("newest", TEXT, "So many of them. [all]", metavar="N", flags=("-n", "--newest"))


@takes("runs", _NEWEST)
def runs(newest: str | None, **given: Any) -> None:
    """List the runs that there are, newest first: when, how far they came, what came out, of what target.

    Exit status: 0, 2 usage, 5 there is none.
    """
    from flakeproof.features.run.runs_command import list_runs

    raise typer.Exit(list_runs(newest, given))
