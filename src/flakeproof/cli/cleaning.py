"""Remove records of runs."""

import shutil
from pathlib import Path

from flakeproof.cli.session import settings, store_of
from flakeproof.errors import CannotRunError, ExitCode, UsageError
from flakeproof.store.folder import is_being_written, size_of


def clean_store(keep: str, *, dry_run: bool, store: str | None) -> int:
    """Remove all but the newest `keep` runs that have ended; return the exit code. Raises UsageError."""
    if not keep.isdigit():
        raise UsageError(f"--keep {keep!r} is not a whole number of runs")
    place = store_of(settings({"store": store}))
    folders = place.removable(int(keep))
    running = [folder for folder in place.all_runs() if is_being_written(folder)]
    total = 0
    for folder in folders:
        size = size_of(folder)
        total += size
        print(f"{'would remove' if dry_run else 'removing'} {folder} ({_bytes(size)})")
    whole = not running and len(folders) == len(place.all_runs()) and place.is_ours()
    if whole and not dry_run:
        _remove(place.root)
    elif not dry_run:
        for folder in folders:
            _remove(folder)
    for folder in running:
        print(f"left alone, still being written: {folder}")
    what = "would be removed" if dry_run else "removed"
    print(f"{len(folders)} run{'s' if len(folders) != 1 else ''} {what}, {_bytes(total)}")
    return ExitCode.GOOD


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CannotRunError(f"{folder} cannot be removed: {error.strerror}", "remove it by hand") from None


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"
