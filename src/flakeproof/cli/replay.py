"""`flakeproof replay`."""

from typing import Annotated

import typer

from flakeproof.cli import options


def replay(
    run: Annotated[
        str,
        typer.Argument(
            help="`latest`, the id of a run, its beginning, or a folder.",
            metavar="RUN",
            show_default=False,
            autocompletion=options.recorded_runs,
        ),
    ],
    trial: Annotated[
        str,
        typer.Argument(help="Number of the test, as printed with its failure.", metavar="TEST", show_default=False),
    ],
    python: options.Python = None,
    junit_xml: options.JUnitXml = None,
    json: options.Json = None,
    markdown: options.Markdown = None,
    color_output: options.ColorOutput = False,
    store: options.StoreFolder = None,
    env: options.Environment = None,
    trust: options.Trust = False,
) -> None:
    """Run one test of an earlier run again, under the same seed and settings, and show all of it.

    A failure that needs company (a race among tests that share a process) may not show alone. `latest` means the
    newest run that is not itself a replay. --python runs it with another interpreter than the run had. The record has
    no values of `--env`: they are taken from the environment, or given again. What a record has run that was not made
    here is run only if you say so.

    Exit status: 0 it passed, 1 it failed, 2 usage, 3 could not run, 5 there is no run.
    """
    from flakeproof.features.run.replay import replay_trial

    given = {
        "python": python,
        "junit-xml": junit_xml,
        "json": json,
        "markdown": markdown,
        "store": store,
        "color-output": color_output,
    }
    raise typer.Exit(replay_trial(run, trial, given, env or [], trusted=trust))
