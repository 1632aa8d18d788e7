"""Console without a terminal: lines that never change once they are written."""

from flakeproof.events import AnyEvent, ItemsCollected, Noted, Progressed, RunEnded, TrialFailed
from flakeproof.features.run import report
from flakeproof.features.run.failure_lines import Telling
from flakeproof.reports.writer import Style, Writer

_SHARE = 0.1
"""A line for each tenth of the plan …"""
_LEAST_SECONDS = 1.0
"""… but not more often than this …"""
_MOST_SECONDS = 15.0
"""… nor less often than this."""


class PlainConsole:
    """Sink that prints the lines of the original kit."""

    def __init__(self, writer: Writer, *, tells_failures: bool = True) -> None:
        """`tells_failures` is False where somebody else shows them at the end."""
        self._writer = writer
        self._tells_failures = tells_failures
        self._telling = Telling()
        self._last_seconds = 0.0
        self._last_completed = 0

    def __call__(self, event: AnyEvent) -> None:
        """Print what belongs to `event`, if anything."""
        match event:
            case Progressed():
                if self._is_due(event):
                    self._last_seconds, self._last_completed = event.elapsed, event.completed
                    self._writer.note(report.progress(event))
            case TrialFailed() if self._tells_failures:
                for line, rows in self._telling.told(event):
                    self._writer.result(line, Style.BAD)
                    for row in rows:
                        self._writer.result(row, Style.DIM)
            case ItemsCollected():
                self._writer.note(self._telling.collected(event))
            case Noted():
                self._writer.note(event.message, Style.WARNING)
            case RunEnded():
                if self._telling.hidden:
                    self._writer.note(report.hidden(self._telling.hidden), Style.DIM)

    def close(self) -> None:
        """Nothing is open."""

    def _is_due(self, event: Progressed) -> bool:
        if event.completed == self._last_completed or event.completed == event.planned:
            return False
        since = event.elapsed - self._last_seconds
        step = event.planned is not None and event.completed - self._last_completed >= _SHARE * event.planned
        return since >= _MOST_SECONDS or (step and since >= _LEAST_SECONDS)
