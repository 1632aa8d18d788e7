"""Write the reports of an earlier run or comparison from its record."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.errors import KILLED, RUNNING, UsageError
from flakeproof.features.compare.history import ComparisonHistory
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.features.compare.session import print_results, renderers
from flakeproof.features.compare.summary import ComparisonSummary, summarize_comparison
from flakeproof.features.run.command import report_run
from flakeproof.features.run.earlier import history_of
from flakeproof.reports.files import FINDINGS, ReportFiles, report_files
from flakeproof.reports.presentation import Presentation
from flakeproof.results.history import History
from flakeproof.settings.from_options import options_in, settings
from flakeproof.settings.load import Config
from flakeproof.store.folder import is_being_written, store_of
from flakeproof.store.spec_file import PAIRS_NAME, arms_of


def report_recorded(run: str, given: Mapping[str, Any]) -> int:
    """Print the results of `run`, a run or a comparison, write the requested reports, and return its exit code.

    Raises UsageError if its record cannot be read.
    """
    config = settings(options_in(given))
    folder = store_of(config).find(run)
    if arms_of(folder) is None:
        return report_run(run, given)
    presentation = Presentation(comparison_files(config))
    with presentation.running():
        summary = recorded_comparison(folder)
        print_results(summary, presentation)
    return presentation.finish(summary.exit_code, renderers(summary))


def comparison_files(config: Config) -> ReportFiles:
    """The requested reports of a comparison. Raises UsageError for JUnit XML, which a comparison does not have."""
    if config.get("junit-xml") is not None:
        raise UsageError(
            "this is a comparison, and JUnit XML has no place for its verdict",
            "write --json, --markdown or --html, or --junit-xml of an arm: flakeproof runs lists them",
        )
    return report_files(config, names=FINDINGS)


def recorded_comparison(folder: Path) -> ComparisonSummary:
    """Summary of the comparison in `folder`; if it has not ended, of what is recorded so far. Raises UsageError."""
    running = is_being_written(folder)
    history = ComparisonHistory()
    try:
        for event in read_pairs(folder):
            history.add(event)
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"the record in {folder / PAIRS_NAME} cannot be read: {error}") from None
    unfinished = "" if history.ended else RUNNING if running else KILLED
    return summarize_comparison(
        history, str(folder), [_of_arm(folder, run) for run in history.runs], unfinished=unfinished
    )


def _of_arm(folder: Path, run: str) -> History:
    """The history of an arm; empty if its own record is missing."""
    try:
        return history_of(folder.with_name(run))
    except UsageError:
        return History()
