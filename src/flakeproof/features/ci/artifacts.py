"""What CI has left: a file, a folder or a zip, as streams of bytes that are never in memory as a whole."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.text import number, shortened

_CHUNK = 1 << 18
_MOST_FILES = 2_000
_MOST_BYTES = 4 << 30
"""Of one file, unpacked: what unpacks to more is no log."""
_BINARY = frozenset((".png", ".jpg", ".gif", ".gz", ".whl", ".so", ".pyc", ".webm", ".mp4", ".db", ".sqlite", ".html"))
_SKIPPED = frozenset((".git", "node_modules", ".venv", "__pycache__", ".flakeproof"))


@dataclass(frozen=True)
class Artifact:
    """One file that may tell something."""

    name: str
    """As lines of it are named for people."""
    open: Callable[[], Iterator[bytes]]
    """Its content, in chunks; raises OSError."""


def artifacts(name: str, most: int = _MOST_FILES) -> list[Artifact]:
    """The files in what the user has named, at `most` so many. Raises UsageError where there is nothing to read."""
    path = Path(name)
    try:
        if not path.exists():
            remedy = "name a log, a JUnit file, a folder or a zip of artifacts; of GitHub: gh run view --log > job.log"
            raise UsageError(f"{shortened(name, 200)}: there is no such file or folder", remedy)
        if path.is_dir():
            return _folder(path, most)
        if not path.is_file():
            raise UsageError(f"{name} is no file", "copy what it says into one")
        if zipfile.is_zipfile(path):
            return _zip(path, most)
        return [Artifact(path.name, lambda: _chunks(path))]
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a name with a NUL in it
        raise UsageError(f"{shortened(name)!r} is no name of a file: {error}") from None


def _folder(folder: Path, most: int) -> list[Artifact]:
    found: list[Artifact] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if _SKIPPED & set(inside.parts) or path.is_symlink() or not path.is_file():
            continue
        if path.suffix == ".zip" and zipfile.is_zipfile(path):
            with suppress(UsageError):
                found += _zip(path, most, f"{inside}/")
        elif path.suffix not in _BINARY:
            found.append(Artifact(str(inside), lambda path=path: _chunks(path)))  # type: ignore[misc]
        _check(len(found), most, str(folder))
    if not found:
        raise UsageError(
            f"{folder}: there are no files in it", "name the folder into which the artifacts were unpacked"
        )
    return found


def _zip(path: Path, most: int, before: str = "") -> list[Artifact]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                one for one in archive.infolist() if not one.is_dir() and Path(one.filename).suffix not in _BINARY
            ]
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise UsageError(f"{path} is a broken zip: {error}", "download it again") from None
    _check(len(members), most, str(path))
    if not members:
        raise UsageError(f"{path}: there are no files in it", "name the zip of the logs, or of the artifacts, of a run")
    return [Artifact(before + one.filename, lambda one=one: _member(path, one)) for one in members]  # type: ignore[misc]


def _check(count: int, most: int, name: str) -> None:
    if count > most:
        raise UsageError(f"{name}: more than {number(most)} files", "name the one with the log, or the reports")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _member(path: Path, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Nothing is written to disk, so that no name in the zip leads anywhere. Raises OSError for what is broken."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as file:
            read = 0
            while (chunk := file.read(_CHUNK)) and read < _MOST_BYTES:
                read += len(chunk)
                yield chunk
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise OSError(f"broken: {error}") from None
