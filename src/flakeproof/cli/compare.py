"""`flakeproof compare`: options of `run`, which hold for both arms, and what is for the comparison."""

from typing import Any

import typer

from flakeproof.cli.arm import parse_arm
from flakeproof.cli.signature import CONTEXT, takes
from flakeproof.settings.table import HOW_MUCH, Setting
from flakeproof.settings.values import TEXTS

_ARM = Setting(
    "arm",
    TEXTS,
    "One side: a name, and target and options as for `run`. The first is the base.",
    HOW_MUCH,
    'NAME:"TARGET …"',
)


@takes("compare", _ARM, arguments=(CONTEXT,))
def compare(**given: Any) -> None:
    """Run two arms in turns until it is known whether the second fails less often.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.command import compare_arms

    raise typer.Exit(compare_arms(given, parse_arm))
