"""`flakeproof diagnose`: options of `run`, and what is for the search for a cause."""

import inspect
from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.perturbation_options import PROVOKING
from flakeproof.cli.run import run

TARGETING = (
    *("context", "target", "workers", "processes", "isolation", "timeout", "grace", "seed", "python", "loop"),
    *(
        "keyword",
        "marker",
        "pytest_args",
        "private_home",
        "private_network",
        "skip_code",
        "failure",
        "ignore",
        "cwd",
        "env",
        "shell",
    ),
    *("server", "settle", "set_"),
)
"""Options of `run` that say what is run, and how."""
Budget = Annotated[
    str | None,
    typer.Option("--budget", help="Time that it may take, about. [2m]", metavar="TIME", show_default=False),
]
Within = Annotated[
    list[str] | None,
    typer.Option(
        "--in",
        help="Tests that are the company of a test of pytest; may be repeated. [its folder]",
        metavar="PATH",
        show_default=False,
    ),
]
_OWN = (("budget", Budget), ("within", Within))
_REPORTS = (("json", options.Json), ("markdown", options.Markdown), ("store", options.StoreFolder))
_KIND = inspect.Parameter.POSITIONAL_OR_KEYWORD


def diagnose(**given: Any) -> None:
    """Find out why a target is flaky: run it under many settings, and rank the causes by what was seen.

    Exit status: 0 nothing failed and nothing was found, 1 a cause is supported, 4 it fails or something was found, and
    no cause is known; 2 usage, 3 could not run, 5 nothing to run, 130 and 143 interrupted.
    """
    from flakeproof.features.diagnose.command import diagnose_target

    raise typer.Exit(diagnose_target(given))


def _parameters() -> list[inspect.Parameter]:
    taken = inspect.signature(run, eval_str=True).parameters
    own = [inspect.Parameter(name, _KIND, default=None, annotation=kind) for name, kind in _OWN]
    reports = [inspect.Parameter(name, _KIND, default=None, annotation=kind) for name, kind in _REPORTS]
    kept = [taken[name] for name in (*TARGETING, *PROVOKING)]
    return [*kept[:2], *own, *kept[2:], *reports, taken["verbose"]]


diagnose.__signature__ = inspect.Signature(_parameters())  # type: ignore[attr-defined]
