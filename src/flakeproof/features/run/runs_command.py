"""List the runs that there are, newest first."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flakeproof.errors import ExitCode, FlakeproofError, UsageError
from flakeproof.features.run.earlier import summary_of
from flakeproof.settings.from_options import options_in, settings
from flakeproof.store.comparison_arms import arms_of
from flakeproof.store.folder import is_being_written, store_of
from flakeproof.text import one_line, parse_whole, shown_path

_TARGET = 60
_HEAD = ("run", "when", "state", "verdict", "failed", "tests", "target")


def list_runs(most: str | None, given: Mapping[str, Any]) -> int:
    """Print a line for each of the newest `most` runs, or for all; return the exit code. Raises UsageError."""
    try:
        limit = None if most is None else parse_whole(most, 1, 1_000_000)
    except ValueError as error:
        raise UsageError(f"--newest: {error}") from None
    place = store_of(settings(options_in(given)))
    folders = place.all_runs()[::-1][:limit]
    if not folders:
        print(f"there is no run in {shown_path(str(place.runs))}")
        return ExitCode.NOTHING
    rows = [_HEAD, *(tuple(_row(folder)) for folder in folders)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        cells = [
            cell.rjust(width) if 3 < at < 6 else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())
    return ExitCode.GOOD


def _row(folder: Path) -> Iterator[str]:
    yield folder.name
    yield _when(folder.name)
    if (arms := _arms(folder)) is not None:
        yield from ("running" if is_being_written(folder) else "ended", "-", "-", "-", one_line(arms, _TARGET))
        return
    try:
        summary = summary_of(folder)
    except FlakeproofError:
        yield from ("running" if is_being_written(folder) else "unreadable", "-", "-", "-", "-")
        return
    planned = f"/{summary.planned}" if summary.planned not in (None, summary.total) else ""
    yield summary.stopped if summary.verdict == "incomplete" and summary.stopped else _state(summary.stopped)
    yield from (summary.verdict, str(summary.failed), f"{summary.total}{planned}", one_line(summary.target, _TARGET))


def _state(stopped: str | None) -> str:
    return "complete" if stopped is None else stopped


def _when(name: str) -> str:
    at = datetime.strptime(name[:15], "%Y%m%d-%H%M%S")
    return f"{at:%Y-%m-%d %H:%M:%S}Z"


def _arms(folder: Path) -> str | None:
    """What is compared, if the record is that of a comparison."""
    arms = arms_of(folder)
    return None if arms is None else "comparison of " + " and ".join(f"{arm.name} {arm.target}" for arm in arms)
