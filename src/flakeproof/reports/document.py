"""A file that a report is written to at the end, found to be writable before the run."""

import errno
import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.reports.writer import silence

STDOUT = "-"


class Document:
    """`--json FILE` and its like; `-` is stdout."""

    def __init__(self, option: str, name: str) -> None:
        """`option` is how the user asked for it, for messages."""
        self._option = option
        self._name = name
        self._path = Path(name)
        self._made: list[Path] = []

    @property
    def is_stdout(self) -> bool:
        """Whether stdout carries the document, and must carry nothing else."""
        return self._name == STDOUT

    def prepare(self) -> None:
        """Make the folders and see whether the file can be written. Raises UsageError; nothing is left then."""
        if self.is_stdout:
            return
        remedy = "name a file that can be written, or - for stdout"
        if not self._name:
            raise UsageError(f"{self._option}: the name of the file is empty", remedy)
        missing = [path for path in self._path.parents if not path.exists()]
        existed = self._path.exists()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._made = missing
            with self._path.open("ab"):
                pass
            if not existed:
                self._path.resolve().unlink()  # where it leads to, if it is a link to nothing
        except OSError as error:
            self.withdraw()
            raise UsageError(f"{self._option} {self._name}: {error.strerror}", remedy) from None

    def withdraw(self) -> None:
        """There will be no document: remove the folders that were made for it."""
        for path in self._made:
            with suppress(OSError):
                path.rmdir()

    def write(self, data: bytes) -> None:
        """Write the document. Raises OSError."""
        if self.is_stdout:
            try:
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            except OSError:
                silence(sys.stdout)  # what is left in the buffer must not fail again at exit
                raise
        else:
            _write_whole(Path(os.path.realpath(self._path)), data)


def _write_whole(path: Path, data: bytes) -> None:
    """Write all of `data` to `path`, or leave what is there as it is. Raises OSError.

    What is no regular file, or in a folder that nothing can be added to, is written to as it is.
    """
    is_there = path.exists()
    if is_there and not path.is_file():
        path.write_bytes(data)
        return
    temporary = path.parent / f".flakeproof-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if not is_there or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        path.write_bytes(data)
        return
    try:
        with os.fdopen(descriptor, "wb") as file:
            if is_there:
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        try:
            temporary.replace(path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            path.write_bytes(data)  # a single file that is mounted there, as containers have it
    finally:
        temporary.unlink(missing_ok=True)
