"""Show what is recorded of an earlier run, or of one trial of it, without running anything."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import UsageError
from flakeproof.events import AnyRecord, TrialFailed, TrialLeaked, TrialLost, TrialSkipped
from flakeproof.features.run import report
from flakeproof.features.run.earlier import spec_of
from flakeproof.features.run.replay import number_of
from flakeproof.features.run.session import announcement
from flakeproof.reports.details import failure_details
from flakeproof.reports.writer import Style, standard
from flakeproof.results.history import History
from flakeproof.results.summary import summarize
from flakeproof.settings.from_options import command_name, options_in, settings
from flakeproof.store.folder import store_of
from flakeproof.store.log import read_events
from flakeproof.text import number

_FAILED_SHOWN = 20


def show_run(run: str, trial: str | None, given: Mapping[str, Any]) -> int:
    """Print it; `given` are the options. Return the exit code. Raises UsageError or NothingToRunError."""
    folder = store_of(settings(options_in(given))).find(run)
    spec = spec_of(folder, "show {run}")
    wanted = number_of(trial, spec) if trial is not None else None
    writer = standard()
    writer.result(f"Run {folder.name}: {announcement(spec)}", Style.TITLE)
    events = _events(folder)
    for line in _run(events, folder) if wanted is None else _trial(events, folder, wanted):
        writer.result(line, Style.BAD if line.startswith("FAILURE #") else Style.PLAIN)
    return 0


def _events(folder: Path) -> Iterator[AnyRecord]:
    try:
        yield from read_events(folder)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the run in {folder} cannot be read: {error}", "its record is not complete") from None


def _checked(history: History, folder: Path) -> History:
    if history.spec is None:
        raise UsageError(f"the run in {folder} cannot be shown", "its record has no beginning")
    return history


def _run(events: Iterator[AnyRecord], folder: Path) -> Iterator[str]:
    """The results block with every kind of failure in full."""
    history = History()
    for event in events:
        history.add(event)
    summary = summarize(_checked(history, folder), str(folder))
    yield ""
    yield from report.results(summary, command_name(), verbose=True)
    yield ""
    yield report.closing(summary, verbose=True) if history.ended else "The record has no end: the run was cut off"


def _trial(events: Iterator[AnyRecord], folder: Path, trial: int) -> Iterator[str]:
    """All that is recorded of one trial."""
    failed: list[int] = []
    history = History()
    found: AnyRecord | None = None
    for event in events:
        history.add(event)
        match event:
            case TrialFailed():
                failed.append(event.failure.trial)
                found = event if event.failure.trial == trial else found
            case TrialSkipped() | TrialLost() | TrialLeaked() if event.trial == trial:
                found = event
    unit = report.unit(summarize(_checked(history, folder), str(folder)))
    yield ""
    match found:
        case TrialFailed():
            for failure in (found.failure, *found.further):
                yield report.failure(found.number, failure, several=unit == "pass")
                yield from (f"    {row}" for row in failure_details(failure))
                yield ""
            yield f"Again: {command_name()} replay {report.name_of(folder)} {trial}"
        case TrialSkipped():
            yield f"{unit.capitalize()} {trial} was skipped: {found.reason}"
        case TrialLost():
            yield f"{unit.capitalize()} {trial} has no result: {found.reason}"
        case TrialLeaked():
            yield f"{unit.capitalize()} {trial} passed and left something behind: {found.reason}"
        case _:
            told = ", ".join(map(str, sorted(failed)[:_FAILED_SHOWN])) or "none"
            more = f" and {number(len(failed) - _FAILED_SHOWN)} more" if len(failed) > _FAILED_SHOWN else ""
            yield f"Nothing is recorded of {unit} {trial} by itself: it passed, or was not run. Failed: {told}{more}"
