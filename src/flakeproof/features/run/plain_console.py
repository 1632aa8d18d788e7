"""Console without a terminal: lines that never change; and which failures every console shows one by one."""

from collections import Counter
from collections.abc import Iterator
from enum import Enum

from flakeproof.events import AnyEvent, ItemsCollected, LoadFailed, Noted, Progressed, TrialFailed
from flakeproof.features.run import report, report_items
from flakeproof.model import Failure
from flakeproof.reports.writer import Style, Writer

_SEVERAL = 10
_KINDS_LIMIT = 50


class Shown(Enum):
    """Which failures of one kind are shown when they happen."""

    FIRST = "first"
    SEVERAL = "several"
    """1 to 10, then 20, 50, 100, 200, 500, …"""
    ALL = "all"


class FailureSelection:
    """Decides for each failure, in order."""

    def __init__(self, shown: Shown = Shown.FIRST) -> None:
        self._shown = shown
        self._seen: Counter[str] = Counter()

    def shows(self, kind: str) -> bool:
        """Whether the next failure of this kind is shown."""
        key = kind if kind in self._seen or len(self._seen) < _KINDS_LIMIT else ""
        self._seen[key] += 1
        count = self._seen[key]
        match self._shown:
            case Shown.ALL:
                return True
            case Shown.SEVERAL:
                return count <= _SEVERAL or _is_round(count)
        return count == 1


def _is_round(count: int) -> bool:
    digits = str(count)
    return digits[0] in "125" and not digits[1:].strip("0")


class FailureLines:
    """Follows the events of a run."""

    def __init__(self, shown: Shown = Shown.FIRST) -> None:
        self._selection = FailureSelection(shown)
        self.several = False
        """Whether each trial is a pass over several tests."""

    def collected(self, event: ItemsCollected) -> str:
        """The line about what pytest has collected."""
        self.several = len(event.items) > 1
        return report_items.collected(event.items)

    def latest(self, event: TrialFailed) -> str:
        """The line of the last failure in `event`."""
        return self._line(event, [event.failure, *event.further][-1])

    def chosen(self, event: TrialFailed) -> Iterator[tuple[str, Failure]]:
        """Those failures in `event` that are to be shown, each with its line."""
        for failure in (event.failure, *event.further):
            if self._selection.shows(failure.signature):
                yield self._line(event, failure), failure

    def _line(self, event: TrialFailed, failure: Failure) -> str:
        return report.failure(event.number, failure, several=self.several)


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
                line, rows = report_items.load_failure(event)
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
