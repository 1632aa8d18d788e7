"""`flakeproof isolate`: which tests make another one fail."""

from typing import Annotated, Any

import typer

from flakeproof.cli import options
from flakeproof.cli.help import HOW_MUCH, WHAT
from flakeproof.cli.perturbation_options import provocable


@provocable
def isolate(
    victim: Annotated[
        str, typer.Argument(help="The test that fails in company, or only alone: its id.", metavar="VICTIM")
    ],
    among: Annotated[
        list[str] | None,
        typer.Option(
            "--in",
            help="Where the others are: files, folders, ids; may be repeated. [what pytest collects here]",
            rich_help_panel=WHAT,
            metavar="PATH",
            show_default=False,
        ),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(
            "--order",
            help="File with the ids of tests, one a line, in an order in which it failed.",
            rich_help_panel=WHAT,
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    recorded: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--from",
            help="Start from the order of a test of a recorded run, as of `run --shuffle`.",
            rich_help_panel=WHAT,
            metavar="RUN TEST",
            show_default=False,
        ),
    ] = None,
    keyword: options.Keyword = None,
    marker: options.Marker = None,
    pytest_args: options.PytestArguments = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--duration",
            "--budget",
            help="Time to spend. [10m]",
            rich_help_panel=HOW_MUCH,
            metavar="90s",
            show_default=False,
        ),
    ] = None,
    error: options.VerdictError = None,
    workers: options.Workers = None,
    timeout: options.Timeout = None,
    seed: options.Seed = None,
    python: options.Python = None,
    json: options.Json = None,
    store: options.StoreFolder = None,
    verbose: options.Verbose = False,
    trust: options.Trust = False,
    **provoking: Any,
) -> None:
    """Find the tests that make another one fail, or that it needs to pass, and what they leave behind.

    All is run in forks of one process that has collected once; the answer is confirmed in fresh interpreters.

    Exit status: 1 found, or it fails alone; 4 not reproduced or not found; 2 usage, 3 could not run, 5 nothing to run,
    130 and 143 interrupted.
    """
    from flakeproof.features.isolate.command import isolate_victim

    given = {
        "pytest_args": pytest_args,
        "duration": duration,
        "error": error,
        "workers": workers,
        "timeout": timeout,
        "seed": seed,
        **provoking,
        "python": python,
        "json": json,
        "store": store,
    }
    expressions = [word for pair in (("-k", keyword), ("-m", marker)) if pair[1] is not None for word in pair if word]
    raise typer.Exit(
        isolate_victim(victim, among or [], expressions, order, recorded, given, verbose=verbose, trusted=trust)
    )
