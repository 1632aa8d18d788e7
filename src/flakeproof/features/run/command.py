"""Run a target as `flakeproof run` and `flakeproof gate` do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.features.run.session import Session, pairs, settings, target_of
from flakeproof.reports.files import report_files
from flakeproof.reports.writer import Detail
from flakeproof.settings.build_spec import build, names_of
from flakeproof.targets.command import CommandLine
from flakeproof.targets.tests import PytestLine

_NOT_SETTINGS = ("context", "target", "keyword", "marker", "env", "shell", "set_", "quiet", "verbose")


def run_target(given: Mapping[str, Any], *, is_gate: bool = False) -> int:
    """Run it with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    detail = Detail.of(quiet=given["quiet"], verbose=given["verbose"])
    wanted = wanted_by(given, given["context"].obj)
    config = settings(options_in(given), names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd(), is_gate=is_gate)
    session = Session(spec, config, report_files(config), detail=detail)
    summary = session.run()
    session.print_results(summary)
    return session.finish(summary)


def wanted_by(given: Mapping[str, Any], command: list[str] | None) -> str | CommandLine | PytestLine:
    """The target that arguments of `run` name; `command` is what followed `--`. Raises UsageError."""
    return target_of(
        list(given["target"] or []),
        command,
        {"-k": given["keyword"], "-m": given["marker"]},
        given["pytest_args"] is not None,
        given["env"],
        shell=given["shell"],
    )


def options_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the arguments `given` to a command that are settings."""
    return {name: value for name, value in given.items() if name not in _NOT_SETTINGS}
