"""Run a target as `flakeproof run` and `flakeproof gate` do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.cli.session import Session, pairs, settings, target_of
from flakeproof.reports.files import report_files
from flakeproof.runspec import build, names_of

_NOT_SETTINGS = ("context", "target", "keyword", "marker", "env", "shell", "set_")


def run_target(given: Mapping[str, Any], *, is_gate: bool = False) -> int:
    """Run it with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    wanted = target_of(
        given["target"] or [],
        given["context"].obj,
        {"-k": given["keyword"], "-m": given["marker"]},
        given["pytest_args"] is not None,
        given["env"],
        shell=given["shell"],
    )
    options = {name: value for name, value in given.items() if name not in _NOT_SETTINGS}
    config = settings(options, names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd(), is_gate=is_gate)
    session = Session(spec, config, report_files(config))
    summary = session.run()
    session.print_results(summary)
    return session.finish(summary)
