"""Failures as they happen, in the lines that every console prints; which of them is decided by a `Selection`."""

from collections.abc import Iterator

from flakeproof.events import AnyEvent, ItemsCollected, TrialFailed
from flakeproof.features.run import report, report_items
from flakeproof.reports.details import excerpt
from flakeproof.reports.selection import Selection


class Telling:
    """Follows the events of a run."""

    def __init__(self) -> None:
        self._selection = Selection()
        self._several = False

    @property
    def hidden(self) -> int:
        """Failures that were not told."""
        return self._selection.hidden

    def collected(self, event: ItemsCollected) -> str:
        """The line about what pytest has collected."""
        self._several = len(event.items) > 1
        return report_items.collected(event.items)

    def all_lines(self, event: AnyEvent) -> list[str]:
        """A line for each failure in `event`."""
        if not isinstance(event, TrialFailed):
            return []
        failures = (event.failure, *event.further)
        return [report.failure(event.number, failure, names_item=self._several) for failure in failures]

    def told(self, event: TrialFailed) -> Iterator[tuple[str, list[str]]]:
        """Of each failure that is to be told, its line and what is shown below it."""
        for failure, line in zip((event.failure, *event.further), self.all_lines(event), strict=True):
            kind = f"{failure.item} {failure.signature}"
            if self._selection.shows(kind):
                yield line, list(excerpt(failure)) if self._selection.shows_output(kind) else []
