"""`flakeproof verify`: options of `run`, and what is for two revisions."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes
from flakeproof.settings.table import HOW_MUCH, Setting
from flakeproof.settings.values import TEXT

_OWN = (
    Setting("base", TEXT, "Revision before the fix. [HEAD]", HOW_MUCH, "REV"),
    Setting("fix", TEXT, "Revision with the fix. [the working tree as it is]", HOW_MUCH, "REV"),
    Setting("build", TEXT, "Command that builds an arm, run in each before the tests.", HOW_MUCH, "COMMAND"),
)


@takes("verify", *_OWN, arguments=(CONTEXT, TARGET))
def verify(**given: Any) -> None:
    """Run a target before and after a change, in turns, until it is known whether it fails less often.

    The base is checked out beside the working tree, which is not touched.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run or build, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.verify_command import verify_fix

    raise typer.Exit(verify_fix(given))
