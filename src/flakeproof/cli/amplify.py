"""`flakeproof amplify`: options of `run`, and what is for the search for a setting that makes it fail."""

import inspect
from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.diagnose import TARGETING
from flakeproof.cli.perturbation_options import PROVOKING
from flakeproof.cli.run import run

Budget = Annotated[
    str | None,
    typer.Option("--budget", help="Time that it may take, about. [5m]", metavar="TIME", show_default=False),
]
Only = Annotated[
    str | None,
    typer.Option(
        "--only",
        help="Try nothing but these: names of options without the dashes, separated by commas.",
        metavar="NAMES",
        show_default=False,
    ),
]
Try = Annotated[
    list[str] | None,
    typer.Option(
        "--try",
        help="Values of an option to try; may be repeated, e.g. --try settle=0ms,20ms --try gc=10,1000.",
        metavar="NAME=V1,V2…",
        show_default=False,
    ),
]
Signature = Annotated[
    list[str] | None,
    typer.Option(
        "--signature",
        help="Count only failures with this signature (see --json), * for anything; may be repeated. "
        "[those without perturbations]",
        metavar="TEXT",
        show_default=False,
    ),
]
SavePreset = Annotated[
    str | None,
    typer.Option(
        "--save-preset",
        help="Save what was found as a preset in pyproject.toml.",
        metavar="NAME",
        show_default=False,
    ),
]
Error = Annotated[
    str | None,
    typer.Option(
        "--error",
        help="Probability that anything may be claimed with where nothing matters. [5%]",
        metavar="P",
        show_default=False,
    ),
]
_OWN = (
    ("budget", Budget),
    ("only", Only),
    ("try_", Try),
    ("signature", Signature),
    ("error", Error),
    ("save_preset", SavePreset),
)
_REPORTS = (("json", options.Json), ("markdown", options.Markdown), ("store", options.StoreFolder))
_KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD


def amplify(**given: Any) -> None:
    """Find what makes a target fail more often: which perturbations, how much, and the command that reproduces it.

    What is asked for with the options of `run` holds throughout, and is not varied.

    Exit status: 1 it was made to fail, or fails as it is; 0 nothing raised the rate above none; 4 no time to tell;
    2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.amplify.command import amplify_target

    raise typer.Exit(amplify_target(given))


def _parameters() -> list[inspect.Parameter]:
    taken = inspect.signature(run, eval_str=True).parameters
    own = [inspect.Parameter(name, _KIND, default=None, annotation=kind) for name, kind in _OWN]
    reports = [inspect.Parameter(name, _KIND, default=None, annotation=kind) for name, kind in _REPORTS]
    kept = [taken[name] for name in (*TARGETING, "shuffle", *PROVOKING)]
    return [*kept[:2], *own, *kept[2:], *reports]


amplify.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
