"""The runs that are recorded in this folder: those that go on, as far as they are, and what came out of others.

The record of a run that goes on is read as it grows. It is written out once in a second, or in a hundredth of the time
that the run has taken.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from flakeproof.errors import RUNNING, FlakeproofError, UsageError
from flakeproof.events import AnyRecord
from flakeproof.features.run.earlier import searched_in, summary_of
from flakeproof.features.run.html_page import render
from flakeproof.results.history import History
from flakeproof.results.summary import Summary
from flakeproof.stats.intervals import robbins
from flakeproof.store.folder import Store, is_being_written
from flakeproof.store.log import LOG_NAME
from flakeproof.text import lower, share, upper

_LISTED = 500
"""Newest runs that are looked at."""
_KEPT = 8
"""Summaries and reports that are kept once they were asked for."""
_READING_SECONDS = 0.3
"""In which records of runs that have ended are read before others are told of what was read."""
_AT_ONCE = 64 * 1024 * 1024
"""Bytes of a record that are read at one time."""
Made = TypeVar("Made")


@dataclass(frozen=True)
class RunNow:
    """A run as a list shows it."""

    name: str
    """Its id, which is also how an address names it."""
    is_running: bool
    target: str = ""
    state: str = ""
    verdict: str = ""
    completed: int = 0
    failed: int = 0
    decided: int = 0
    """Passed or failed."""
    has_trials: bool = True
    """A comparison or a bisection has none: its arms are runs of their own."""
    planned: int | None = None
    elapsed: float = 0.0
    latest: str = ""
    """The failure that was seen last."""

    @property
    def is_read(self) -> bool:
        """Whether its record was read already."""
        return bool(self.state)

    @property
    def rate(self) -> str:
        """With the interval that holds at every moment; "" where nothing is known."""
        if not self.decided:
            return ""
        interval = robbins(self.failed, self.decided)
        if not self.failed:
            return f"at most {upper(interval.high)}"
        seen = share(self.failed / self.decided, exact_one=self.failed == self.decided)
        return f"{seen} ({lower(interval.low)} to {upper(interval.high)})"


@dataclass
class _Growing:
    """The record of a run that goes on, as far as it was read."""

    position: int = 0
    history: History = field(default_factory=History)
    latest: str = ""
    decode: msgspec.json.Decoder[AnyRecord] = field(default_factory=lambda: msgspec.json.Decoder(AnyRecord))

    def grow(self, path: Path) -> None:
        """Take in what has been written since. Raises OSError and msgspec.DecodeError."""
        with path.open("rb") as file:
            file.seek(self.position)
            data = file.read(_AT_ONCE)
        end = data.rfind(b"\n") + 1
        for line in data[:end].splitlines():
            event = self.decode.decode(line)
            self.history.add(event)
            if (failure := getattr(event, "failure", None)) is not None:
                self.latest = failure.message
        self.position += end


class RecordedRuns:
    """Those of one folder. `look` is called by one thread; everything else by any."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.runs: tuple[RunNow, ...] = ()
        """Newest first; replaced as a whole."""
        self.version = 0
        """Another one whenever something has changed."""
        self.trouble = ""
        self._growing: dict[str, _Growing] = {}
        self._ended: dict[str, RunNow] = {}
        self._lock = threading.RLock()  # a page is made of a summary, which is kept likewise
        self._summaries: OrderedDict[tuple[str, int], Summary] = OrderedDict()
        self._pages: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    @property
    def running(self) -> list[RunNow]:
        """Those that go on."""
        return [run for run in self.runs if run.is_running]

    def look(self) -> None:
        """See what has changed: read on in the records that grow, and read those that have ended."""
        try:
            folders = self._store.all_runs()[::-1][:_LISTED]
        except UsageError as error:
            self.trouble = error.message
            return
        self.trouble = ""
        found, until = [], time.monotonic() + _READING_SECONDS
        for folder in folders:
            name = folder.name
            if is_being_written(folder):
                self._ended.pop(name, None)
                found.append(self._of_running(folder))
                continue
            self._growing.pop(name, None)
            if name not in self._ended and time.monotonic() < until:
                self._ended[name] = _of_ended(folder)
            found.append(self._ended.get(name, RunNow(name, is_running=False)))
        names = {folder.name for folder in folders}
        self._ended = {name: run for name, run in self._ended.items() if name in names}
        self._growing = {name: record for name, record in self._growing.items() if name in names}
        if tuple(found) != self.runs:
            self.runs = tuple(found)
            self.version += 1

    def find(self, name: str) -> RunNow | None:
        """The run of this id."""
        return next((run for run in self.runs if run.name == name), None)

    def summary(self, run: RunNow) -> Summary:
        """What came out of a run, or so far. Raises UsageError."""
        return self._made(self._summaries, run, lambda: summary_of(self._store.runs / run.name))

    def page(self, run: RunNow) -> bytes:
        """The page that `--html` writes of it. Raises UsageError, and OSError for a record that is gone."""
        return self._made(self._pages, run, lambda: render(self.summary(run)))

    def _made(self, kept: "OrderedDict[tuple[str, int], Made]", run: RunNow, make: Callable[[], Made]) -> Made:
        """What was made before of a record that has not grown since; else it is made, by one thread at a time."""
        with self._lock:
            key = run.name, _size(self._store.runs / run.name)
            if key not in kept:
                kept[key] = make()
                while len(kept) > _KEPT:
                    kept.popitem(last=False)
            kept.move_to_end(key)
            return kept[key]

    def _of_running(self, folder: Path) -> RunNow:
        if (searched := searched_in(folder)) is not None:
            return RunNow(folder.name, is_running=True, target=searched, state=RUNNING, has_trials=False)
        growing = self._growing.setdefault(folder.name, _Growing())
        with suppress(OSError, msgspec.DecodeError):  # it has just begun, or is none of ours: then it stays at that
            growing.grow(folder / LOG_NAME)
        history, spec = growing.history, growing.history.spec
        if spec is None:
            return RunNow(folder.name, is_running=True, state="starting")
        return RunNow(
            folder.name,
            is_running=True,
            target=spec.target.name,
            state=RUNNING,
            completed=history.total,
            failed=history.failed,
            decided=history.passed + history.failed,
            planned=spec.count,
            elapsed=history.elapsed,
            latest=growing.latest,
        )


def _of_ended(folder: Path) -> RunNow:
    if (searched := searched_in(folder)) is not None:
        return RunNow(folder.name, is_running=False, target=searched, state="ended", has_trials=False)
    try:
        summary = summary_of(folder)
    except FlakeproofError as error:
        return RunNow(folder.name, is_running=False, state="unreadable", latest=error.message, has_trials=False)
    return RunNow(
        folder.name,
        is_running=False,
        target=summary.target,
        state=summary.stopped or "complete",
        verdict=str(summary.verdict),
        completed=summary.total,
        failed=summary.failed,
        decided=summary.passed + summary.failed,
        planned=summary.planned,
        elapsed=summary.elapsed,
    )


def _size(folder: Path) -> int:
    try:
        return (folder / LOG_NAME).stat().st_size
    except OSError:
        return 0
