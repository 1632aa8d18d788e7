"""Run a target as `run` and `gate` do, go on with a run, and write the reports of an earlier one."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flakeproof.errors import ExitCode, UsageError
from flakeproof.features.run.earlier import ask_for_trust, rest_of, spec_of, summary_of
from flakeproof.features.run.recorded_run import StateLook
from flakeproof.features.run.session import KeeperOf, RunSession
from flakeproof.reports.files import report_files
from flakeproof.reports.writer import Detail
from flakeproof.settings.build_spec import build, names_of
from flakeproof.settings.from_options import options_in, pairs, settings, wanted_by
from flakeproof.store.folder import store_of
from flakeproof.store.spec_file import with_values
from flakeproof.targets.tests import PytestLine


def run_target(given: Mapping[str, Any], recorder_of: KeeperOf, look: StateLook, *, is_gate: bool = False) -> int:
    """Run it with the arguments `given` to the command; return the exit code. Raises FlakeproofError."""
    detail = Detail.of(quiet=given["quiet"], verbose=given["verbose"])
    wanted = wanted_by(given, given["context"].obj)
    if given.get("changed") is not None:
        chosen = _changed(given, wanted)
        if chosen is None:
            return ExitCode.GOOD
        wanted = chosen
    config = settings(options_in(given), names_of(wanted))
    spec = build(wanted, config, pairs("--set", given["set_"]), Path.cwd(), is_gate=is_gate, finds_results=True)
    files = report_files(config)
    session = RunSession(spec, config, files, detail=detail, recorder=recorder_of(config), look=look)
    summary = session.run()
    session.print_results(summary)
    return session.finish(summary)


def _changed(given: Mapping[str, Any], wanted: object) -> PytestLine | None:
    """The tests that differ from the commit of --changed; None where there is none. Raises UsageError."""
    if not isinstance(wanted, PytestLine) or wanted.arguments:
        raise UsageError(
            "--changed chooses tests of pytest by what has changed, and a target was named as well",
            "leave one of the two out",
        )
    from flakeproof.revisions.changed_tests import changed_tests

    found = changed_tests(Path.cwd(), given["changed"])
    for name in found.fixtures:
        print(f"{name} has changed: which tests that touches is not known, and they are not run", file=sys.stderr)
    if not found.tests:
        print(f"No test was added or touched since {found.base[:12]}: nothing to gate", file=sys.stderr)
        return None
    print(f"Added or touched since {found.base[:12]}: {', '.join(found.tests)}", file=sys.stderr)
    return PytestLine(found.tests, wanted.options, wanted.imports_folder)


_TAKEN = {"context", "resume_run", "env", "trust", "store", "json", "junit_xml", "markdown", "html", "history"}


def report_run(run: str, given: Mapping[str, Any]) -> int:
    """Tell what came out of the run `run` and write the reports that are asked for; return the exit code of the run."""
    config = settings(options_in(given))
    folder = store_of(config).find(run)
    files = report_files(config)
    spec = spec_of(folder, "report {run}")
    summary = summary_of(folder)
    files.prepare()
    session = RunSession(spec, config, files, copies=False)
    session.print_results(summary)
    return session.finish(summary)


def resume_run(run: str, given: Mapping[str, Any], recorder_of: KeeperOf) -> int:
    """Run what is missing of the run `run`, as part of it; `given` are all options. Return the exit code."""
    asked = {**given, "command": given["context"].obj}
    for name, value in asked.items():
        if name not in _TAKEN and value not in (None, False, [], ()):
            raise UsageError(
                f"--resume goes on with the settings of that run, and {name.replace('_', '-')} is another one",
                "leave it out; reports can be asked for",
            )
    config = settings(options_in(given))
    folder = store_of(config).find(run)
    spec = spec_of(folder, "run --resume {run}")
    ask_for_trust(folder, spec, trusted=given["trust"])
    spec, differing = with_values(spec, pairs("--env", given["env"], empty=True), os.environ)
    rest = rest_of(folder)
    if not Path(spec.target.folder).is_dir():
        raise UsageError(f"the folder of that run is gone: {spec.target.folder}", "start it anew")
    session = RunSession(spec, config, report_files(config), recorder=recorder_of(config))
    for name in differing:
        session.warn(f"{name} has another value than in the run that goes on")
    summary = session.run(
        heading=f"Run {folder.name} goes on after {rest.history.total} tests:", rest=rest, folder=folder
    )
    session.print_results(summary)
    return int(session.finish(summary) or ExitCode.GOOD)
