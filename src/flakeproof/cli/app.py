"""The commands, and how errors become messages and exit codes."""

import errno
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from flakeproof import signals
from flakeproof.cli.cause_commands import amplify, diagnose, fdtrace, isolate, wire
from flakeproof.cli.compare_commands import compare, verify
from flakeproof.cli.help import Command, CommandGroup
from flakeproof.cli.history_commands import dashboard, history, quarantine
from flakeproof.cli.onset_command import bisect
from flakeproof.cli.record_commands import clean, config, merge, report, runs
from flakeproof.cli.run_commands import ci, gate, plan, replay, run, show, stress
from flakeproof.cli.signature import signed
from flakeproof.errors import ExitCode, FlakeproofError, UsageError
from flakeproof.targets.command_line import TAKING_COMMANDS, hint, split_command
from flakeproof.text import shortened
from flakeproof.version import __version__

_COMMANDS: Mapping[str, tuple[tuple[Callable[..., None], str], ...]] = {
    "Run": (
        (run, "Run a target many times and tell how often it fails."),
        (gate, "Tell whether a target fails less often than allowed; for CI."),
        (stress, "Run the test of the original stress kit, in its modes."),
        (plan, "Tell how many tests it takes to see a flake."),
        (show, "Show the failures of an earlier run, or of one test of it, in full."),
        (replay, "Run one test of an earlier run again, and show all of it."),
        (ci, "Make the failure of a CI job happen here, from its log or its reports alone."),
    ),
    "Why it fails": (
        (diagnose, "Find out why a target is flaky."),
        (isolate, "Find the tests that make another one fail."),
        (amplify, "Find what makes a target fail more often, and the command that reproduces it."),
        (bisect, "Find the commit since which a target is flaky."),
        (wire, "Show what the TCP connections of a target did, in one run of it."),
        (fdtrace, "Tell which descriptors a command in any language mishandles, in one run of it."),
    ),
    "Whether it is fixed": (
        (verify, "Tell whether a change in git mends a flaky test."),
        (compare, "Tell whether one of two targets fails less often; any two, or two settings of one."),
    ),
    "Over the weeks": (
        (history, "Rank the tests of many CI jobs: which are flaky, since when, at what cost."),
        (dashboard, "Show the history and the runs of this folder in a browser."),
        (quarantine, "Check the list of tests that may fail for a while."),
    ),
    "Settings and records": (
        (runs, "List the runs that there are, newest first."),
        (merge, "Put together a run whose parts several machines have run."),
        (report, "Write the reports of an earlier run from its record."),
        (config, "Print every setting and where its value comes from."),
        (clean, "Remove the records of runs."),
    ),
}
"""By group, with what each is for."""


def _version(wanted: bool) -> None:
    if wanted:
        print(f"flakeproof {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Reproduce a flaky test, explain it, prove the fix."""


def make_app(only: str = "") -> typer.Typer:
    """The commands, with the options that the table of settings has now.

    If `only` is the name of one, that command alone: the options of all of them take a while.
    """
    names = {command.__name__ for commands in _COMMANDS.values() for command, _ in commands}
    made = typer.Typer(
        name="flakeproof",
        cls=CommandGroup,
        no_args_is_help=True,
        rich_markup_mode=None,  # our own help, which imports nothing
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    for panel, commands in _COMMANDS.items():
        for command, title in commands:
            if only not in names or only == command.__name__:
                made.command(short_help=title, cls=Command, rich_help_panel=panel)(signed(command))
    made.callback()(_root)
    return made


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    signals.put_right()
    signals.protect()
    _mend_streams()
    code = _finish(_run())
    os._exit(code)  # all is written; taking modules apart one by one would only take time


def _run() -> int:
    try:
        _check_folder()
        words, command = _split(sys.argv[1:])
        app = make_app(words[0] if words else "")
        code: int | None = typer.main.get_command(app).main(
            words, prog_name="flakeproof", standalone_mode=False, obj=command
        )
    except FlakeproofError as error:
        _explain(error)
        return error.exit_code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except SystemExit as leaving:
        if leaving.code == ExitCode.TERMINATED:  # by a signal, before there was anything to tell
            return ExitCode.TERMINATED
        # Typer's answer to a reader that has gone, as in `| head`: it has what it wanted
        from flakeproof.reports.writer import silence

        silence(sys.__stdout__ or sys.stdout)
        return ExitCode.GOOD
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            print(f"flakeproof: {error}", file=sys.stderr)
            return ExitCode.BROKEN
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
            name = max(Path(str(error.filename)).parts, key=len, default="")
            _explain(UsageError(f"this name is longer than that of a file can be: {shortened(name)}"))
            return ExitCode.USAGE
        if isinstance(error, PermissionError) and error.filename:
            _explain(UsageError(f"{error.strerror}: {error.filename}", "run from another folder, or as its owner"))
            return ExitCode.USAGE
        if (show := getattr(error, "show", None)) is not None:  # what Typer has to say about the command line
            show()
            if told := hint(sys.argv[1:]):
                print(told, file=sys.stderr)
            return ExitCode.USAGE
        import traceback

        traceback.print_exc()
        print("flakeproof: this is a fault of flakeproof, not of your code", file=sys.stderr)
        return ExitCode.BROKEN
    return code or ExitCode.GOOD


def _split(words: list[str]) -> tuple[list[str], list[str] | None]:
    """What is for us, and the command after `--`, if there is one."""
    place = words.index("--") if "--" in words else 0
    return split_command(words) if TAKING_COMMANDS & set(words[:place]) else (words, None)


def _check_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        raise UsageError(f"the current folder cannot be used: {error.strerror}", "change into another one") from None


def _explain(error: FlakeproofError) -> None:
    from flakeproof.reports.writer import standard

    writer = standard()  # what a target has said as it was loaded is in it
    for line in error.details.rstrip().splitlines():
        writer.note(line)
    for number, line in enumerate(error.message.splitlines()):
        writer.note(line if number else f"flakeproof: {line}")
    for line in error.remedy.splitlines():
        writer.note(f"  {line}")
    writer.close()


def _mend_streams() -> None:
    """Let text that a stream cannot encode, and a stream that is closed from the start, end no run."""
    for number, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - open to the end
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace" if number == 2 else "replace")


def _finish(code: int) -> int:
    """Write out what Python would write at exit, where an error would change the exit code."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        from flakeproof.reports.writer import silence

        silence(sys.stdout)
        if error.errno != errno.EPIPE:  # not just a reader that has seen enough
            print(f"flakeproof: the output cannot be written: {error.strerror}", file=sys.stderr)
            return code or ExitCode.BROKEN
    return code
