"""How far a search is: one line that is overwritten on a terminal, a line now and then elsewhere."""

import shutil
from time import monotonic

from flakeproof.reports.terminal import wants_live
from flakeproof.reports.writer import Style, Writer
from flakeproof.text import one_line

_REFRESH_SECONDS = 0.1
_PAUSE_SECONDS = 10.0
_CLEAR = "\r\x1b[2K"


class ProgressLine:
    """Shows the latest of the lines that it is called with; all of them with `every`."""

    def __init__(self, writer: Writer, *, every: bool = False) -> None:
        self._writer = writer
        self._every = every
        self._is_live = not every and wants_live(writer.notes)
        self._next = monotonic() + (0.0 if self._is_live else _PAUSE_SECONDS)
        self._is_shown = False

    def __call__(self, line: str) -> None:
        """Show `line`, or keep it back where one was shown a moment ago."""
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
        """Take the line away."""
        if self._is_shown:
            self._put(_CLEAR)
            self._is_shown = False

    def _put(self, text: str) -> None:
        try:
            self._writer.notes.write(text)
            self._writer.notes.flush()
        except OSError:  # the terminal has gone
            self._is_live = False
