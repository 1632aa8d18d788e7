"""`flakeproof replay`."""

from typing import Any

import typer

from flakeproof.cli.signature import argument, recorded_runs, takes

_RUN = argument(
    "run",
    str,
    help="`latest`, the id of a run, its beginning, or a folder.",
    metavar="RUN",
    show_default=False,
    autocompletion=recorded_runs,
)
_TRIAL = argument(
    "trial", str, help="Number of the test, as printed with its failure.", metavar="TEST", show_default=False
)


@takes("replay", arguments=(_RUN, _TRIAL))
def replay(run: str, trial: str, **given: Any) -> None:
    """Run one test of an earlier run again, under the same seed and settings, and show all of it.

    A failure that needs company (a race among tests that share a process) may not show alone. `latest` means the
    newest run that is not itself a replay. --python runs it with another interpreter than the run had. The record has
    no values of `--env`: they are taken from the environment, or given again. What a record has run that was not made
    here is run only if you say so.

    Exit status: 0 it passed, 1 it failed, 2 usage, 3 could not run, 5 there is no run.
    """
    from flakeproof.features.run.replay import replay_trial

    raise typer.Exit(replay_trial(run, trial, given))
