"""Remove records of runs."""

from collections.abc import Mapping
from typing import Any

from flakeproof.errors import CannotRunError, ExitCode, UsageError
from flakeproof.settings.from_options import settings
from flakeproof.store.folder import is_being_written, size_of, store_of
from flakeproof.text import parse_whole, plural, shown_path


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
