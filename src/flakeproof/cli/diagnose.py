"""`flakeproof diagnose`: options of `run`, and what is for the search for a cause."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes
from flakeproof.settings.table import WHAT, Setting
from flakeproof.settings.values import TEXTS

_WITHIN = Setting(
    "in",
    TEXTS,
    "Tests that are the company of a test of pytest; may be repeated. [its folder]",
    WHAT,
    "PATH",
    argument="within",
)


@takes("diagnose", _WITHIN, arguments=(CONTEXT, TARGET))
def diagnose(**given: Any) -> None:
    """Find out why a target is flaky: run it under many settings, and rank the causes by what was seen.

    Exit status: 0 nothing failed and nothing was found, 1 a cause is supported, 4 it fails or something was found, and
    no cause is known; 2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.diagnose.command import diagnose_target

    raise typer.Exit(diagnose_target(given))
