"""The commands, and how errors become messages and exit codes."""

import sys
from typing import Annotated

import typer

import flakeproof
from flakeproof.cli.clean import clean
from flakeproof.cli.plan import plan
from flakeproof.cli.replay import replay
from flakeproof.cli.run import run
from flakeproof.cli.stress import stress
from flakeproof.errors import ExitCode, FlakeproofError

app = typer.Typer(
    name="flakeproof",
    help="Reproduce a flaky test, explain it, prove the fix.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, stress, plan, replay, clean):
    app.command()(command)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"flakeproof {flakeproof.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reproduce a flaky test, explain it, prove the fix."""


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        app()
    except FlakeproofError as error:
        if error.details:
            print(error.details.rstrip(), file=sys.stderr)
        print(f"flakeproof: {error.message}", file=sys.stderr)
        if error.remedy:
            print(f"  {error.remedy}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.exit(ExitCode.BROKEN)
