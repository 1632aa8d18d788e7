"""The folder of flakeproof in a project, and the folders of runs in it."""

import difflib
import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flakeproof.clock import now
from flakeproof.errors import NothingToRunError, UsageError
from flakeproof.settings.load import Config
from flakeproof.store.log import LOG_NAME
from flakeproof.store.spec_file import BISECT_NAME, MARK_NAME, PAIRS_NAME, SPEC_NAME

NAME = ".flakeproof"
OUTPUT_NAME = "output.log"
HISTORY_NAME = "history.db"
_RUNNING = "running"
"""A file locked by the process that writes the run; the lock ends with the process, however that ends."""
_IGNORE = "# Made by flakeproof, which may remove this folder.\n*\n"
"""Written only to a folder that flakeproof has made, as a mark that flakeproof may remove it."""
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]+")
_OURS = re.compile(
    rf"{re.escape(LOG_NAME)}|{re.escape(PAIRS_NAME)}|{re.escape(BISECT_NAME)}|{re.escape(SPEC_NAME)}|{re.escape(MARK_NAME)}|{re.escape(OUTPUT_NAME)}|{_RUNNING}|\.room"
    r"|process-\d+-\d+\.out|\d+-\d+\.(?:out|json)"
)
"""Names of a run's files; flakeproof does not remove other files beside them."""
_OF_SCHEDULES = re.compile(r"schedule\.json|flakeproof_ci_schedule(?:\.[\w.-]+)?\.pyc?")
_ROOM = 65536
_ATTEMPTS = 100


class RunFolder:
    """The folder of a run that is being written; no other process removes it until it is closed."""

    def __init__(self, path: Path, *, is_new: bool = True) -> None:
        """Make the folder, if it is new, and claim it. Raises OSError; BlockingIOError if it is claimed already."""
        self.path = path
        if is_new:
            path.mkdir(mode=0o700)  # other users must not read the tests' output and variables
        self._claim: int | None = os.open(path / _RUNNING, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if is_new:
            _lock(self._claim, fcntl.LOCK_EX)
        else:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        """Give up the claim, as the run is written; may be called twice."""
        if self._claim is not None:
            with suppress(OSError):
                (self.path / _RUNNING).unlink()
            os.close(self._claim)
            self._claim = None


class Store:
    """The folder `.flakeproof/` of one project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = root / "runs"
        self._schedules = root / "ci"
        self._latest = root / "latest"
        self._ignore = root / ".gitignore"
        self.histories = [root / f"{HISTORY_NAME}{end}" for end in ("", "-wal", "-shm")]
        """The database over many runs, and what SQLite has beside it; runs may go, it stays."""
        self._made: list[Path] = []
        """The root and folders above it that this object has made, innermost first."""
        self._previous: str | None = None

    def new_run(self, *, becomes_latest: bool = True) -> RunFolder:
        """Make the folder of a run; its name is the id of the run.

        Raises UsageError if it cannot be written, and leaves nothing behind then.
        """
        folder: RunFolder | None = None
        try:
            self.make()
            with self._alone():
                folder = self._make_run()
                (folder.path / ".room").write_bytes(bytes(_ROOM))
                (folder.path / ".room").unlink()
                self._previous = self._latest_target()
                if becomes_latest:
                    self._point_at(folder.path.name)
        except OSError as error:
            if folder is not None:
                self.discard(folder)
            else:
                self._tidy()
            if isinstance(error, IsADirectoryError):
                raise UsageError(
                    f"{self._latest} is a folder, and a link to the newest run has to be there",
                    "it may come from a copy of this folder that followed links: remove it",
                ) from error
            raise UsageError(
                f"cannot write the record of this run to {self.runs}: {error.strerror or error}",
                "make room, or name another folder with --store DIR (or FLAKEPROOF_STORE=DIR)",
            ) from error
        return folder

    def new_schedule(self) -> Path:
        """The path of a new folder for the files of a command that `flakeproof ci` prints; it is pruned like runs."""
        self.make()
        return self._schedules / new_run_id()

    def reopen(self, path: Path) -> RunFolder:
        """Claim the folder of a run to be resumed. Raises UsageError if it is being written, or cannot be."""
        try:
            return RunFolder(path, is_new=False)
        except BlockingIOError:
            raise UsageError(f"the run {path.name} is still going on", "wait for its end") from None
        except OSError as error:
            raise UsageError(f"the record in {path} cannot be written: {error.strerror}") from None

    def discard(self, folder: RunFolder) -> None:
        """Remove the record of a run that could not be run, and everything that was made for it."""
        folder.close()
        with suppress(OSError), self._alone():
            self._remove(folder.path)
            if self._latest_target() == folder.path.name:
                self._point_at(self._previous)
        self._tidy()

    def all_runs(self) -> list[Path]:
        """Folders of the runs, oldest first, without entries that are not named like runs."""
        try:
            entries = list(self.runs.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UsageError(f"the runs in {self.runs} cannot be read: {error.strerror}") from None
        return sorted(path for path in entries if _RUN_ID.fullmatch(path.name) and _is_folder(path))

    def latest(self) -> Path | None:
        """The run that `latest` means: the newest one that is not a replay; None if there is none."""
        runs = self.all_runs()
        target = self._latest_target()
        return next((path for path in runs if path.name == target), runs[-1] if runs else None)

    def find(self, name: str) -> Path:
        """The folder of the run `name`: an id, the start of one, `latest`, or a path.

        Raises NothingToRunError or UsageError.
        """
        if os.sep in name and Path(name, SPEC_NAME).is_file():
            return Path(name)
        runs = self.all_runs()
        latest = self.latest()
        if latest is None:
            raise NothingToRunError(f"there is no run in {self.runs}", "start one with `flakeproof run TARGET`")
        if name == "latest":
            return latest
        fitting = [path for path in runs if path.name.startswith(name)] if name else []
        if len(fitting) == 1:
            return fitting[0]
        if not fitting and name and Path(name, SPEC_NAME).is_file():
            return Path(name)
        known = ", ".join(path.name for path in (fitting or runs)[-5:])
        what = "is the beginning of several runs" if fitting else "is not known"
        close = difflib.get_close_matches(name, ["latest", *(path.name for path in runs)], n=1)
        hint = f"; did you mean {close[0]}?" if close and not fitting else ""
        raise UsageError(f"the run {name!r} {what} in {self.runs}{hint}", f"the newest: {known}, or `latest`")

    def removable(self, keep: int) -> list[Path]:
        """Folders of the oldest runs beyond `keep`, without those that are being written.

        The run that `latest` points at counts as the newest, so that its replays do not displace it.
        """
        latest = self.latest()
        runs = sorted(self.all_runs(), key=lambda path: (path == latest, path.name))
        return [path for path in runs[: max(0, len(runs) - keep)] if not is_being_written(path)]

    def prune(self, keep: int) -> None:
        """Remove the oldest runs beyond `keep`, ignoring those that cannot be removed."""
        with suppress(OSError):
            self.remove_runs(keep)

    def remove_runs(self, keep: int) -> list[Path]:
        """Remove the oldest runs beyond `keep`; return the files left in them that are not flakeproof's.

        Raises OSError if one of the runs cannot be removed, after removing the others.
        """
        left: list[Path] = []
        problem: OSError | None = None
        if _is_folder(self.runs):
            with self._alone():
                for folder in self.removable(keep):
                    try:
                        left += self._remove(folder)
                    except OSError as error:
                        problem = problem or error
                target = self._latest_target()
                runs = self.all_runs()
                if target is not None and target not in {path.name for path in runs}:
                    self._point_at(runs[-1].name if runs else None)
        self._remove_schedules(keep)
        self._tidy()
        if problem is not None:
            raise problem
        return left

    def foreign(self) -> list[Path]:
        """Files in flakeproof's folders that are not flakeproof's, if flakeproof has made the folders."""
        if not self._is_made_by_us():
            return []
        known = {self.runs, self._schedules, self._latest, self._ignore, *self.all_runs(), *self.histories}
        return sorted(path for place in (self.root, self.runs) for path in _entries(place) if path not in known)

    def make(self) -> None:
        """Make the folder, with the mark that it is ours, if it is not there. Raises OSError."""
        missing = [path for path in (self.root, *self.root.parents) if not path.exists()]
        self.root.mkdir(parents=True, exist_ok=True)
        self._made += missing
        if self.root in missing:
            self._ignore.write_text(_IGNORE)

    def _make_run(self) -> RunFolder:
        for _ in range(_ATTEMPTS):
            with suppress(FileExistsError):
                return RunFolder(self.runs / new_run_id())
        raise FileExistsError(f"no free name in {self.runs}")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Make the folder of runs if needed, and lock it, so that no other process makes or removes runs meanwhile."""
        while True:
            self.runs.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.runs, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                _lock(descriptor, fcntl.LOCK_EX)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), self.runs.stat()):  # otherwise it was removed meanwhile
                        yield
                        return
            finally:
                os.close(descriptor)

    def _latest_target(self) -> str | None:
        try:
            return self._latest.readlink().name
        except OSError:
            return None

    def _point_at(self, run_id: str | None) -> None:
        if run_id is None:
            self._latest.unlink(missing_ok=True)
            return
        temporary = self.root / f"latest.{os.getpid()}"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(Path(self.runs.name, run_id))
        try:
            temporary.replace(self._latest)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise

    def _remove(self, folder: Path) -> list[Path]:
        """Remove flakeproof's files in `folder`, and the folder if it is empty then; return the remaining entries."""
        left: list[Path] = []
        for path in _entries(folder):
            if _OURS.fullmatch(path.name) and not _is_folder(path):
                path.unlink(missing_ok=True)
            else:
                left.append(path)
        if not left:
            with suppress(FileNotFoundError):
                folder.rmdir()
        return left

    def _remove_schedules(self, keep: int) -> None:
        """Remove flakeproof's files in the oldest schedules' folders beyond `keep`, and folders that are empty then."""
        folders = sorted(
            path for path in _entries(self._schedules) if _RUN_ID.fullmatch(path.name) and _is_folder(path)
        )
        for folder in folders[: max(0, len(folders) - keep)]:
            for path in [*_entries(folder), *_entries(folder / "__pycache__")]:
                if _OF_SCHEDULES.fullmatch(path.name) and not _is_folder(path):
                    path.unlink(missing_ok=True)
            with suppress(OSError):
                (folder / "__pycache__").rmdir()
            with suppress(OSError):
                folder.rmdir()
        with suppress(OSError):
            self._schedules.rmdir()

    def _is_made_by_us(self) -> bool:
        try:
            return self._ignore.read_text() == _IGNORE
        except (OSError, UnicodeDecodeError):
            return False

    def _tidy(self) -> None:
        """Remove flakeproof's folders if they are empty."""
        with suppress(OSError):
            if self.runs.exists():
                self.runs.rmdir()
            self._latest.unlink(missing_ok=True)
            if self._is_made_by_us() and _entries(self.root) == [self._ignore]:
                self._ignore.unlink()
                self.root.rmdir()
        for path in self._made:
            with suppress(OSError):
                path.rmdir()


def store_of(config: Config) -> Store:
    """The store that `config` names."""
    named: str | None = config.get("store")
    return Store(Path(named).absolute() if named else config.folder / NAME)


def new_run_id() -> str:
    """A new run id; ids sort by time, and random digits at the end distinguish runs of one millisecond."""
    at = now()
    return f"{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}{os.urandom(2).hex()}"


def size_of(path: Path) -> int:
    """Total bytes of all files below `path`."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += Path(folder, name).lstat().st_size
    return total


def is_being_written(folder: Path) -> bool:
    """Whether a living process has claimed the folder."""
    try:
        descriptor = os.open(folder / _RUNNING, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _lock(descriptor: int, kind: int) -> None:
    with suppress(OSError):  # on a file system without locks, no other process is assumed to be active
        fcntl.flock(descriptor, kind)


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []
