"""`flakeproof ci`: from what a red CI job has left to a command that fails."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, takes
from flakeproof.settings.table import HOW_MUCH, WHAT, Setting
from flakeproof.settings.values import FLAG, TEXT

_FILES = argument(
    "files",
    list[str] | None,
    None,
    help="What the job has left: its log, a JUnit file, a folder or a zip of those.",
    metavar="FILE",
    show_default=False,
)
_OWN = (
    Setting("show", FLAG, "Tell what is known of the job, and run nothing.", HOW_MUCH),
    Setting("test", TEXT, "Which test, where several failed.", WHAT, "ID"),
    Setting("session", TEXT, "Which session of a test runner, where there are several: 1, 2 …", WHAT, "N"),
    Setting("capture", FLAG, "Print what to configure in CI so that the next red job can be reproduced.", WHAT),
)


@takes("ci", *_OWN, arguments=(_FILES,))
def ci(**given: Any) -> None:
    """Make the failure of a CI job happen here, from its log or its reports alone.

    The job is run again as it was: its commit, order, workers, seeds, time zone; then with less and less of that, and
    with what makes flaky tests fail. Nothing that a log says is executed.

    Exit status: 0 the job is green, 1 reproduced or broken, 4 not reproduced, 2 usage, 3 could not run, 130 and 143
    interrupted.
    """
    from flakeproof.features.ci.command import from_ci

    raise typer.Exit(from_ci(given))
