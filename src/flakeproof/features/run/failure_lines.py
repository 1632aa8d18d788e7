"""Failures as they happen, in the lines that every console prints; which of them is decided by a `Selection`."""

from collections.abc import Iterator

from flakeproof.events import ItemsCollected, TrialFailed
from flakeproof.features.run import report, report_items
from flakeproof.model import Failure
from flakeproof.reports.selection import Selection, Shown


class FailureLines:
    """Follows the events of a run."""

    def __init__(self, shown: Shown = Shown.FIRST) -> None:
        self._selection = Selection(shown)
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
