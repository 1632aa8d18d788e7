"""Where text for people goes: the terminal or a pipe, and `output.log` in the folder of the run."""

import sys
from pathlib import Path
from typing import TextIO


class Writer:
    """Writes lines to streams and keeps a copy; a stream that is gone (closed pipe) does not end the run."""

    def __init__(self, results: TextIO, notes: TextIO, copy: Path | None = None) -> None:
        """`results` gets what the user asked for, `notes` progress and remarks, `copy` is appended with both."""
        self._results = results
        self._notes = notes
        self._copy: TextIO | None = None
        if copy is not None:
            try:
                self._copy = copy.open("a", encoding="utf-8", buffering=1)
            except OSError as error:
                self.note(f"warning: {copy} cannot be written: {error}")

    def result(self, line: str) -> None:
        """A line that is part of the answer."""
        self._put(self._results, line)

    def note(self, line: str) -> None:
        """A line about the way to the answer."""
        self._put(self._notes, line)

    def keep(self, line: str) -> None:
        """Only into the copy."""
        if self._copy is not None:
            try:
                self._copy.write(line + "\n")
            except OSError:
                self._copy = None

    def close(self) -> None:
        """Close the copy."""
        if self._copy is not None:
            self._copy.close()
            self._copy = None

    def _put(self, stream: TextIO, line: str) -> None:
        self.keep(line)
        try:
            print(line, file=stream, flush=True)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
        except OSError:  # the reader has gone, as in `| head`
            pass


def standard(copy: Path | None = None, *, results_to_stderr: bool = False) -> Writer:
    """Results to stdout, the rest to stderr; all to stderr where stdout carries data."""
    return Writer(sys.stderr if results_to_stderr else sys.stdout, sys.stderr, copy)
