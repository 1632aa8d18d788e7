"""List the recorded runs, newest first, and remove records."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flakeproof.errors import CannotRunError, ExitCode, FlakeproofError, UsageError
from flakeproof.features.run.earlier import searched_in, summary_of
from flakeproof.settings.from_options import options_in, settings
from flakeproof.store.folder import is_being_written, size_of, store_of
from flakeproof.text import one_line, parse_whole, plural, shown_path

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
    if (arms := searched_in(folder)) is not None:
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


def clean_store(keep: str, *, dry_run: bool, given: Mapping[str, Any]) -> int:
    """Remove all but the newest `keep` runs that have ended; return the exit code. Raises UsageError."""
    try:
        kept = parse_whole(keep, 0, 1_000_000)
    except ValueError as error:
        raise UsageError(f"--keep: {error}") from None
    place = store_of(settings(given))
    running = [folder for folder in place.all_runs() if is_being_written(folder)]
    folders = {folder: size_of(folder) for folder in place.removable(kept)}
    left = place.foreign()
    problem: OSError | None = None
    if not dry_run:
        try:
            left += place.remove_runs(kept)
        except OSError as error:
            problem = error
    gone = [folder for folder in folders if dry_run or not folder.exists()]
    for folder in gone:
        print(f"{'would remove' if dry_run else 'removed'} {shown_path(str(folder))} ({_bytes(folders[folder])})")
    for folder in [] if problem is not None else [one for one in folders if one not in gone]:
        print(f"removed the record in {shown_path(str(folder))}, not the folder: it has files of others")
    for folder in running:
        print(f"left alone, still being written: {shown_path(str(folder))}")
    for path in left:
        print(f"left alone, not made by flakeproof: {shown_path(str(path))}")
    if not folders:
        print(f"nothing to remove in {shown_path(str(place.root))}")
    else:
        done = "would be removed" if dry_run else "removed"
        print(f"{plural(len(gone), 'run')} {done}, {_bytes(sum(folders[folder] for folder in gone))}")
    if problem is not None:
        raise CannotRunError(
            f"the runs in {place.runs} cannot all be removed: {problem.strerror} ({problem.filename})",
            "remove them by hand",
        )
    return ExitCode.GOOD


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
