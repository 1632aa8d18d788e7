"""A file that a report is written to at the end, found to be writable before the run."""

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
            self._path.write_bytes(data)
