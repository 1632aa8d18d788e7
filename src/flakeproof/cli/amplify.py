"""`flakeproof amplify`: options of `run`, and what is for the search for a setting that makes it fail."""

from typing import Any

import typer

from flakeproof.cli.signature import CONTEXT, TARGET, takes
from flakeproof.settings.table import HOW_MUCH, PROVOKE, Setting
from flakeproof.settings.values import SHARE, TEXT, TEXTS

_OWN = (
    Setting(
        "only",
        TEXT,
        "Try nothing but these: names of options without the dashes, separated by commas.",
        PROVOKE,
        "NAMES",
    ),
    Setting(
        "try",
        TEXTS,
        "Values of an option to try; may be repeated, e.g. --try settle=0ms,20ms --try gc=10,1000.",
        PROVOKE,
        "NAME=V1,V2…",
        argument="try_",
    ),
    Setting(
        "signature",
        TEXTS,
        "Count only failures with this signature (see --json), * for anything; may be repeated. "
        "[those without perturbations]",
        HOW_MUCH,
        "TEXT",
    ),
    Setting(
        "error",
        SHARE,
        "Chance of any false claim when no perturbation has an effect. [5%]",
        HOW_MUCH,
        "P",
        argument="claim_error",
    ),
    Setting("save-preset", TEXT, "Save what was found as a preset in pyproject.toml.", PROVOKE, "NAME"),
)


@takes("amplify", *_OWN, arguments=(CONTEXT, TARGET))
def amplify(**given: Any) -> None:
    """Find what makes a target fail more often: which perturbations, how much, and the command that reproduces it.

    What is asked for with the options of `run` holds throughout, and is not varied.

    Exit status: 0 no failure provoked; 1 it fails, with or without perturbations; 4 out of time;
    2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.amplify.command import amplify_target

    raise typer.Exit(amplify_target(given))
