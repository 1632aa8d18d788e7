"""Keeps what pages show up to date, in a thread beside the server: the history, and the runs of this folder.

What pages read is replaced as a whole, and never changed: they need no lock, and one that has begun sees one state.
"""

import threading
import time
from collections.abc import Callable, Iterator

from flakeproof.errors import FlakeproofError
from flakeproof.features.dashboard import views
from flakeproof.features.dashboard.recorded_runs import RecordedRuns
from flakeproof.features.dashboard.snapshot import HistorySnapshot, read_history
from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.loading import Wanted, state_of

_SECONDS = 0.5
_HISTORY_SECONDS = 3.0
_BETWEEN_SECONDS = 0.05
_QUIET_SECONDS = 1.0
"""Charts that nobody has asked for yet are drawn when nobody asks: who draws one keeps all others from running."""


class DashboardKeeper:
    """What is known at the moment."""

    def __init__(self, place: str, wanted: Callable[[], Wanted], runs: RecordedRuns) -> None:
        """`place` is where the history is or will be; `wanted` tells which of its jobs, as of now."""
        self._place = place
        self._wanted = wanted
        self.runs = runs
        self.history: HistorySnapshot | None = None
        """None where there is no history, or nothing in it."""
        self.asked = 0.0
        """When a page was asked for last, by the clock of `time.monotonic`."""
        self.trouble = ""
        """Why there is none, or why it is not the newest."""
        self._state: tuple[object, ...] | None = None
        self._likely: Iterator[Callable[[], object]] = iter(())
        """What makes pages whose charts are not drawn yet."""
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="keeper", daemon=True)

    def start(self) -> None:
        """Read the history for the first time, then go on in a thread."""
        self.look_at_history()
        self.runs.look()
        if (first := next(self._likely, None)) is not None:
            first()
        self._thread.start()

    def close(self) -> None:
        """End the thread, and wait for it."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        due = time.monotonic() + _HISTORY_SECONDS
        wait = _BETWEEN_SECONDS
        while not self._ending.wait(wait):
            self.runs.look()
            if time.monotonic() >= due:
                self.look_at_history()
                due = time.monotonic() + _HISTORY_SECONDS
            if time.monotonic() - self.asked < _QUIET_SECONDS:
                wait = _SECONDS
                continue
            make = next(self._likely, None)
            if make is not None:
                make()
            wait = _SECONDS if make is None else _BETWEEN_SECONDS

    def look_at_history(self) -> None:
        """Read it again if it has changed."""
        try:
            database = HistoryDatabase(self._place, must_exist=True)
            try:
                state = state_of(database)
                if state != self._state:
                    found = read_history(database, self._wanted())
                    self.history = found if found.kept.jobs else None
                    self._state = state
                    self._likely = views.likely(found) if found.kept.jobs else iter(())
            finally:
                database.close()
        except FlakeproofError as error:  # the history that was read before stays
            self.trouble = f"{error.message}; {error.remedy}" if error.remedy else error.message
        else:
            self.trouble = "" if self.history is not None else "there are no results in the history"
