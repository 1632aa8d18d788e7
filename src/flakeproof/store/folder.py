"""The folder of flakeproof in a project and the folder of each run in it."""

import os
import shutil
from pathlib import Path

from flakeproof.clock import now
from flakeproof.errors import NothingToRunError, UsageError

NAME = ".flakeproof"
KEPT_RUNS = 50
"""Runs kept when a new one is made; `flakeproof clean` removes the rest."""


class Store:
    """`.flakeproof/` of one project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"

    def new_run(self, run_id: str) -> Path:
        """Make the folder of a run and point `latest` at it.

        Raises UsageError when it cannot be written; nothing is left behind then.
        """
        existed = self.root.exists()
        folder = self.runs / run_id
        try:
            folder.mkdir(parents=True)
            ignore = self.root / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
            (folder / ".room").write_bytes(bytes(65536))
            (folder / ".room").unlink()
            self._point_at(folder)
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            if not existed:
                shutil.rmtree(self.root, ignore_errors=True)
            raise UsageError(
                f"cannot write the record of this run to {folder}: {error.strerror or error}",
                "make room or name another folder with --store DIR (or FLAKEPROOF_STORE=DIR)",
            ) from error
        return folder

    def discard(self, folder: Path) -> None:
        """Remove the record of a run that never came to run."""
        shutil.rmtree(folder, ignore_errors=True)
        runs = self.all_runs()
        if runs:
            self._point_at(runs[-1])
        else:
            shutil.rmtree(self.root, ignore_errors=True)

    def _point_at(self, folder: Path) -> None:
        link, temporary = self.root / "latest", self.root / f"latest.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(folder.relative_to(self.root))
        temporary.replace(link)

    def all_runs(self) -> list[Path]:
        """Folders of the runs, oldest first."""
        try:
            return sorted(path for path in self.runs.iterdir() if path.is_dir())
        except FileNotFoundError:
            return []

    def is_ours(self) -> bool:
        """Whether nothing but our own files is in the folder, so that it may be removed as a whole."""
        return {path.name for path in self.root.iterdir()} <= {"runs", "latest", ".gitignore"} and not any(
            path for path in self.runs.iterdir() if not path.is_dir()
        )

    def find(self, name: str) -> Path:
        """The folder of the run `name`: an id, the start of one, `latest`, or a path.

        Raises NothingToRunError or UsageError.
        """
        runs = self.all_runs()
        if not runs and not Path(name, "spec.json").exists():
            raise NothingToRunError(f"there is no run in {self.runs}", "start one with `flakeproof run TARGET`")
        if name == "latest":
            return (self.root / "latest").resolve() if (self.root / "latest").exists() else runs[-1]
        if Path(name, "spec.json").exists():
            return Path(name)
        fitting = [path for path in runs if path.name.startswith(name)]
        if len(fitting) == 1:
            return fitting[0]
        known = ", ".join(path.name for path in (fitting or runs)[-5:])
        what = "is ambiguous" if fitting else "is not known"
        raise UsageError(f"the run {name!r} {what} in {self.runs}", f"the newest: {known}, or `latest`")

    def prune(self, keep: int = KEPT_RUNS) -> None:
        """Remove the oldest runs beyond `keep`; one that is still being written is the newest and stays."""
        for folder in self.removable(keep):
            shutil.rmtree(folder, ignore_errors=True)

    def removable(self, keep: int) -> list[Path]:
        """Folders of the oldest runs beyond `keep`, without those that a living process is writing."""
        runs = self.all_runs()
        return [path for path in runs[: max(0, len(runs) - keep)] if not is_being_written(path)]


def new_run_id() -> str:
    """Sortable by time, unique on this machine even when two runs start in the same second."""
    return f"{now():%Y%m%d-%H%M%S}-{os.getpid():x}{os.urandom(1).hex()}"


def size_of(path: Path) -> int:
    """Bytes of all files below `path`."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            try:
                total += Path(folder, name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def is_being_written(folder: Path) -> bool:
    """Whether the process that made the run is alive and has not ended it."""
    try:
        pid = int((folder / "running").read_text())
        os.kill(pid, 0)
    except (OSError, ValueError):
        return False
    return True
