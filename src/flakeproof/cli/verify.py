"""`flakeproof verify`: options of `run`, and what is for two revisions."""

import inspect
from typing import Annotated, Any

import typer

from flakeproof.cli.compare import of_comparison

Base = Annotated[
    str | None,
    typer.Option("--base", help="Revision before the fix. [HEAD]", metavar="REV", show_default=False),
]
Fix = Annotated[
    str | None,
    typer.Option("--fix", help="Revision with the fix. [the working tree as it is]", metavar="REV", show_default=False),
]
Build = Annotated[
    str | None,
    typer.Option(
        "--build",
        help="Command that builds an arm, run in each before the tests.",
        metavar="COMMAND",
        show_default=False,
    ),
]


def verify(**given: Any) -> None:
    """Run a target before and after a change, in turns, until it is known whether it fails less often.

    The base is checked out beside the working tree, which is not touched.

    Exit status: 0 fixed, 1 reduced or not fixed, 4 not decided within the time or the tests given; 2 usage, 3 could not
    run or build, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.compare.verify_command import verify_fix

    raise typer.Exit(verify_fix(given))


_OWN = (("base", Base), ("fix", Fix), ("build", Build))
verify.__signature__ = inspect.Signature(of_comparison(_OWN, with_target=True))  # type: ignore[attr-defined]
