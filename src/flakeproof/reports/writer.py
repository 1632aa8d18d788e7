"""Write text for people: to the terminal or a pipe, to `output.log` in the run's folder, and as lines of progress."""

import os
import secrets
import shutil
import sys
from collections.abc import Mapping
from enum import Enum, IntEnum
from pathlib import Path
from time import monotonic
from typing import TextIO

from flakeproof.errors import UsageError
from flakeproof.reports.foreign import in_github_actions, line_shown, no_command
from flakeproof.store.file import GrowingFile
from flakeproof.text import one_line

_NO = {"", "0", "false", "no", "off"}


def wants_live(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to show a live display: on a terminal that can move its cursor, and not in CI."""
    return stream.isatty() and environment.get("CI", "").lower() in _NO and not _is_dumb(environment)


def wants_colour(stream: TextIO, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether to use colours: NO_COLOR forbids them, FORCE_COLOR forces them, else a terminal that is not dumb does."""
    if environment.get("NO_COLOR"):
        return False
    if (forced := environment.get("FORCE_COLOR")) is not None:
        return forced.lower() not in _NO
    return stream.isatty() and not _is_dumb(environment)


def _is_dumb(environment: Mapping[str, str]) -> bool:
    return environment.get("TERM", "") in ("", "dumb")


class Style(Enum):
    """The style of a line, shown by colour; the value is the SGR code."""

    PLAIN = ""
    BAD = "31"
    GOOD = "32"
    WARNING = "33"
    TITLE = "1"
    DIM = "2"


class Detail(IntEnum):
    """How much is printed for people."""

    QUIET = 0
    """Only the verdict."""
    USUAL = 1
    VERBOSE = 2
    """Every failure, and how numbers were computed."""

    @classmethod
    def of(cls, *, quiet: bool, verbose: bool) -> "Detail":
        """The detail that -q and -v ask for. Raises UsageError for both."""
        if quiet and verbose:
            raise UsageError("--quiet and --verbose contradict each other", "give one of the two")
        return cls.QUIET if quiet else cls.VERBOSE if verbose else cls.USUAL


class Writer:
    """Writes lines to streams and keeps a copy; a broken stream (closed pipe) does not end the run."""

    def __init__(
        self,
        results: TextIO,
        notes: TextIO,
        copy: Path | None = None,
        *,
        quiet: bool = False,
        keeps_colours: bool = False,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """`results` receives the results, `notes` progress and remarks; both are appended to the file `copy`.

        With `quiet`, only the verdict and warnings are shown; the copy has everything. With `keeps_colours`, a terminal
        shows the colours of the tests' output.
        """
        self._quiet = quiet
        self.results = results
        self.notes = notes
        self.keeps_colours = keeps_colours
        self._is_read_by_runner = in_github_actions(environment)
        self._fence = ""
        """Token that ends the block in which GitHub's runner obeys no commands; "" outside such a block."""
        self._copy: GrowingFile | None = None
        if copy is not None:
            self._copy = GrowingFile(
                copy, lambda error: self.note(f"warning: {copy} cannot be written: {error.strerror}", Style.WARNING)
            )

    def result(self, line: str, style: Style = Style.PLAIN) -> None:
        """Write a line of the results."""
        self._put(self.results, line, style, shown=not self._quiet)

    def verdict(self, line: str, style: Style) -> None:
        """Write the line with the verdict."""
        self._put(self.results, line, style, shown=True)

    def warn(self, text: str) -> None:
        """Write a warning about a problem that did not end the run."""
        self._put(self.notes, f"warning: {text}", Style.WARNING, shown=True)

    def note(self, line: str, style: Style = Style.PLAIN) -> None:
        """Write a line about progress."""
        self._put(self.notes, line, style, shown=not self._quiet)

    def command(self, line: str) -> None:
        """Write a command for GitHub's runner; text from a target must not be able to begin one."""
        self._end_fence(self.results)
        self.keep(line)
        self._print(self.results, line)

    def keep(self, line: str) -> None:
        """Write a line to the copy only."""
        if self._copy is not None:
            self._copy.write(line_shown(line).encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Close the copy, and let GitHub's runner obey commands again."""
        self._end_fence(self.results)
        if self._copy is not None:
            self._copy.close()

    def _put(self, stream: TextIO, line: str, style: Style, *, shown: bool) -> None:
        self.keep(line)
        if not shown:
            return
        has_colours = wants_colour(stream)
        line = line_shown(line, keeps_colours=self.keeps_colours and has_colours)
        if self._is_read_by_runner:
            # Each line is escaped as well, because the runner reads two streams in an unknown order.
            line = no_command(line)
            self._begin_fence(stream)
        if style.value and line and has_colours:
            line = f"\x1b[{style.value}m{line}\x1b[0m"
        self._print(stream, line)

    def _begin_fence(self, stream: TextIO) -> None:
        if not self._fence:
            self._fence = secrets.token_hex(16)
            self._print(stream, f"::stop-commands::{self._fence}")

    def _end_fence(self, stream: TextIO) -> None:
        if self._fence:
            self._print(stream, f"::{self._fence}::")
            self._fence = ""

    def _print(self, stream: TextIO, line: str) -> None:
        try:
            print(line, file=stream, flush=True)
        except UnicodeEncodeError:
            encoding = stream.encoding or "ascii"
            print(line.encode(encoding, "replace").decode(encoding), file=stream, flush=True)
        except OSError:  # the reader has gone, as in `| head`, or the disk is full
            silence(stream)


def silence(stream: TextIO) -> None:
    """Discard everything that is still written to `stream`, also at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    finally:
        os.close(nowhere)


def standard(
    copy: Path | None = None, *, results_to_stderr: bool = False, quiet: bool = False, keeps_colours: bool = False
) -> Writer:
    """A writer of results to stdout and the rest to stderr; of everything to stderr if stdout carries data."""
    results = sys.stderr if results_to_stderr else sys.stdout
    return Writer(results, sys.stderr, copy, quiet=quiet, keeps_colours=keeps_colours)


_REFRESH_SECONDS = 0.1
_PAUSE_SECONDS = 10.0
_CLEAR = "\r\x1b[2K"


class ProgressLine:
    """Shows the latest line that it is called with; with `every`, all of them."""

    def __init__(self, writer: Writer, *, every: bool = False) -> None:
        self._writer = writer
        self._every = every
        self._is_live = not every and wants_live(writer.notes)
        self._next = monotonic() + (0.0 if self._is_live else _PAUSE_SECONDS)
        self._is_shown = False

    def __call__(self, line: str) -> None:
        """Show `line`, unless another line was shown a moment ago."""
        now = monotonic()
        if self._every:
            self._writer.note(line, Style.DIM)
        elif now >= self._next and self._is_live:
            self._next = now + _REFRESH_SECONDS
            self._is_shown = True
            self._put(_CLEAR + one_line(line, max(10, shutil.get_terminal_size().columns - 1)))
        elif now >= self._next:
            self._next = now + _PAUSE_SECONDS
            self._writer.note(line, Style.DIM)

    def close(self) -> None:
        """Clear the line."""
        if self._is_shown:
            self._put(_CLEAR)
            self._is_shown = False

    def _put(self, text: str) -> None:
        try:
            self._writer.notes.write(text)
            self._writer.notes.flush()
        except OSError:  # the terminal has gone
            self._is_live = False
