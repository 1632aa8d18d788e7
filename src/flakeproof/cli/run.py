"""`flakeproof run`."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes


@takes("run", arguments=(CONTEXT, TARGET))
def run(**given: Any) -> None:
    """Run a target many times and tell how often it fails.

    Exit status: 0 nothing failed, 1 failures, 2 usage, 3 could not run, 4 not decided, 5 nothing has run, 130 and 143
    interrupted.
    """
    if given["resume_run"] is not None:
        from flakeproof.features.run.report_command import resume_run

        raise typer.Exit(resume_run(given["resume_run"], given))
    from flakeproof.features.run.command import run_target

    raise typer.Exit(run_target(given))
