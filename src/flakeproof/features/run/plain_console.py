"""Console without a terminal: lines that never change once they are written."""

from flakeproof.events import AnyEvent, ItemsCollected, LoadFailed, Noted, Progressed, TrialFailed
from flakeproof.features.run import report, report_loading
from flakeproof.features.run.failure_lines import FailureLines
from flakeproof.reports.selection import Shown
from flakeproof.reports.writer import Style, Writer

_SHARE = 0.1
"""A line for each tenth of the plan …"""
_LEAST_SECONDS = 1.0
"""… but not more often than this …"""
_MOST_SECONDS = 15.0
"""… nor less often than this."""


class PlainConsole:
    """Sink that prints the lines of the original kit."""

    def __init__(self, writer: Writer, shown: Shown | None = Shown.FIRST) -> None:
        """`shown` is which failures are told when they happen; None where somebody else shows them at the end."""
        self._writer = writer
        self._shown = shown
        self._failures = FailureLines(shown or Shown.FIRST)
        self._last_seconds = 0.0
        self._last_completed = 0

    def __call__(self, event: AnyEvent) -> None:
        """Print what belongs to `event`, if anything."""
        match event:
            case Progressed():
                if self._is_due(event):
                    self._last_seconds, self._last_completed = event.elapsed, event.completed
                    self._writer.note(report.progress(event, several=self._failures.several))
            case TrialFailed() if self._shown is not None:
                for line, _ in self._failures.chosen(event):
                    self._writer.result(line, Style.BAD)
            case ItemsCollected():
                self._writer.note(self._failures.collected(event))
            case LoadFailed():
                line, rows = report_loading.as_it_happens(event)
                self._writer.result(line, Style.BAD)
                for row in rows:
                    self._writer.result(row, Style.DIM)
            case Noted():
                self._writer.note(event.message, Style.WARNING)

    def close(self) -> None:
        """Nothing is open."""

    def _is_due(self, event: Progressed) -> bool:
        if event.completed == self._last_completed or event.completed == event.planned:
            return False
        since = event.elapsed - self._last_seconds
        step = event.planned is not None and event.completed - self._last_completed >= _SHARE * event.planned
        return since >= _MOST_SECONDS or (step and since >= _LEAST_SECONDS)
