"""`flakeproof report`."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, recorded_runs, takes

_RUN = argument(
    "run",
    str,
    help="`latest`, the id of a run, its beginning, or a folder.",
    metavar="RUN",
    show_default=False,
    autocompletion=recorded_runs,
)


@takes("report", arguments=(_RUN,))
def report(run: str, **given: Any) -> None:
    """Write the reports of an earlier run or comparison from its record, also of one that was killed or still goes on.

    Exit status: that of the run; of one without an end 1 with failures, else 4. 2 usage, 5 there is no run.
    """
    from flakeproof.features.compare.report_command import report_recorded

    raise typer.Exit(report_recorded(run, given))
