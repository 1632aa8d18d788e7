"""Run one trial of a recorded run again."""

import os
from collections.abc import Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import ItemsCollected, TrialFailed
from flakeproof.features.run.earlier import ask_for_trust, spec_of
from flakeproof.features.run.session import RunSession
from flakeproof.model import CommandTarget, Failure, RunSpec, Target
from flakeproof.reports.details import failure_details
from flakeproof.reports.files import report_files
from flakeproof.reports.writer import Style
from flakeproof.results.summary import Summary
from flakeproof.settings.from_options import options_in, pairs, settings
from flakeproof.store.folder import store_of
from flakeproof.store.log import read_events
from flakeproof.store.spec_file import with_values
from flakeproof.targets import interpreter
from flakeproof.text import parse_whole


def replay_trial(run: str, trial: str, given: Mapping[str, Any]) -> int:
    """Run it; `given` are the options: `env` has values of variables that the record does not have.

    A record that is not ours has to be trusted. Return the exit code. Raises UsageError or NothingToRunError.
    """
    config = settings(options_in(given))
    # The reports that a project has of each run are not to be overwritten by those of one trial.
    files = report_files(config, only_asked=True)
    folder = store_of(config).find(run)
    spec = spec_of(folder, "replay {run} TEST")
    ask_for_trust(folder, spec, trusted=given["trust"])
    spec, differing = with_values(spec, pairs("--env", given["env"], empty=True), os.environ)
    number = number_of(trial, spec)
    unit = "Pass" if _has_several(folder) else "Test"
    told = recorded_failure(folder, number)
    recorded = told.failure if told is not None else None
    again = msgspec.structs.replace(
        spec,
        target=_with_python(spec.target, given["python"]),
        first=number,
        count=1,
        chosen=[],
        duration=None,
        workers=1,
        processes=1,
        first_process=recorded.process if recorded is not None else spec.first_process,
        max_failures=None,
        ci_rate=None,
        on=None,
        machines=[],
    )
    session = RunSession(again, config, files)
    for name in differing:
        session.warn(f"{name} has another value than in the run that is replayed")
    # A replay is recorded, but `latest` goes on to mean the run that it belongs to.
    summary = session.run(heading=f"{unit} {number} of run {folder.name} again:", becomes_latest=False)
    session.print("")
    for found in summary.signatures:
        for line in failure_details(found.example):
            session.print(line)
        session.print("")
    session.print(
        _conclusion(summary, f"{unit} {number}", spec, recorded), Style.BAD if summary.failed else Style.WARNING
    )
    return session.finish(summary)


def _with_python(target: Target, python: str | None) -> Target:
    """`target` with the interpreter `python`, if one was asked for. Raises UsageError."""
    if python is None:
        return target
    if isinstance(target, CommandTarget):
        raise UsageError("--python is for Python functions and tests, and this run is of a command", "leave it out")
    found = interpreter.choose(python, Path.cwd(), os.environ)
    return msgspec.structs.replace(target, python=found.path, python_from=found.why)


def number_of(text: str, spec: RunSpec) -> int:
    """The number of a trial of the run, as it is typed. Raises UsageError."""
    last = None if spec.count is None else spec.first + spec.count - 1
    known = f"its tests are {spec.first:,} to {last:,}" if last is not None else f"its tests start at {spec.first:,}"
    try:
        return parse_whole(text, spec.first, last if last is not None else 2**62)
    except ValueError as error:
        raise UsageError(f"the run has no such test: {error}", known) from None


def recorded_failure(folder: Path, trial: int) -> TrialFailed | None:
    """What the log tells of the failure of `trial`; None if it passed, or the log does not tell."""
    with suppress(OSError, msgspec.DecodeError):
        for event in read_events(folder):
            if isinstance(event, TrialFailed) and event.failure.trial == trial:
                return event
    return None


def _has_several(folder: Path) -> bool:
    """Whether a trial of the recorded run is a pass over several tests."""
    with suppress(OSError, msgspec.DecodeError):
        return any(
            isinstance(event, ItemsCollected) and len(event.items) > 1 for event in islice(read_events(folder), 50)
        )
    return False


def _conclusion(summary: Summary, which: str, spec: RunSpec, recorded: Failure | None) -> str:
    if summary.failed:
        if recorded is None:
            return f"{which} failed (the record does not say that it failed before)"
        if recorded.signature == summary.signatures[0].signature:
            return f"{which} failed again, in the same way"
        return f"{which} failed again, but not in the same way; before: {recorded.message}"
    if not summary.passed:
        return f"{which} has no result"
    if recorded is None:
        return f"{which} passed"
    company = ""
    if spec.workers > 1:
        company = f": it may need the company of the {spec.workers} tests at once that it failed among"
    return f"{which} passed this time{company}"
