"""Remove records of runs."""

from collections.abc import Mapping
from typing import Any

from flakeproof.errors import CannotRunError, ExitCode, UsageError
from flakeproof.settings.from_options import settings
from flakeproof.store.folder import is_being_written, size_of, store_of
from flakeproof.text import parse_whole, shown_path


def clean_store(keep: str, *, dry_run: bool, given: Mapping[str, Any]) -> int:
    """Remove all but the newest `keep` runs that have ended; return the exit code. Raises UsageError."""
    try:
        kept = parse_whole(keep, 0, 1_000_000)
    except ValueError as error:
        raise UsageError(f"--keep: {error}") from None
    place = store_of(settings(given))
    running = [folder for folder in place.all_runs() if is_being_written(folder)]
    folders = place.removable(kept)
    total = 0
    for folder in folders:
        size = size_of(folder)
        total += size
        print(f"{'would remove' if dry_run else 'removing'} {shown_path(str(folder))} ({_bytes(size)})")
    left = place.foreign()
    if not dry_run:
        try:
            left += place.remove_runs(kept)
        except OSError as error:
            raise CannotRunError(
                f"the runs in {place.runs} cannot be removed: {error.strerror}", "remove them by hand"
            ) from None
    for folder in running:
        print(f"left alone, still being written: {shown_path(str(folder))}")
    for path in left:
        print(f"left alone, not made by flakeproof: {shown_path(str(path))}")
    if not folders:
        print(f"nothing to remove in {shown_path(str(place.root))}")
    else:
        done = "would be removed" if dry_run else "removed"
        print(f"{len(folders)} run{'s' if len(folders) != 1 else ''} {done}, {_bytes(total)}")
    return ExitCode.GOOD


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
