"""Run a target as `flakeproof run` and `flakeproof gate` do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.features.run.session import Session
from flakeproof.reports.files import report_files
from flakeproof.reports.writer import Detail
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.from_options import options_in, pairs, settings, wanted_by


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
