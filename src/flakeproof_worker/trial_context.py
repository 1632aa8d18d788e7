"""State shared by all lanes: target, leases, reporter, output."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flakeproof_worker.generators import Reseed
from flakeproof_worker.leases import Leases
from flakeproof_worker.loaded_target import Loaded
from flakeproof_worker.outcome import ending_of
from flakeproof_worker.reporter import Channel, Reporter
from flakeproof_worker.shared import board
from flakeproof_worker.shared.output import Output
from flakeproof_worker.shared.private import os
from flakeproof_worker.shared.process_exit import end_copy


@dataclass
class Duty:
    """The target of this process and the means to report on it."""

    target: Mapping[str, Any]
    """As the coordinator has described it."""
    lanes: int
    channel: Channel
    words: memoryview
    leases: Leases
    reporter: Reporter
    output: Output
    stacks_descriptor: int
    """Where stacks are written; the same file as `output`."""
    grace: float
    limit_ns: float
    """What a trial reports to have taken longer is over its time, also if it has ended by itself; inf for no limit."""
    scratch: str
    """Folder for files without a name."""
    slots: Mapping[str, int]
    """Which numbers the lanes of this process have among all (`shared.slots`); nothing where it is alone."""
    temporary: str
    """Folder in which trials get folders of their own; "" where they get none."""
    rooms: Sequence[str]
    """Where these are with `--temp-space`: for each lane. Otherwise none."""
    run_seed: int
    environment: Mapping[str, str]
    """Of this process at its start, before any code of the user ran."""
    sanitize: Mapping[str, Any] | None
    """What to watch, as the coordinator has ordered it."""
    draws_hash_seed: bool
    """Whether a trial may have a PYTHONHASHSEED of its own."""
    listens: bool
    """Whether the coordinator says which items to leave out, between trials."""
    perturbations: Mapping[str, Any]
    """What the coordinator asked for."""
    loaded: Loaded
    reseed: Reseed | None = None
    """Has generators that the imports made start from the seed of a trial; None where trials are no forks."""
    owner: bool = True
    """False in a copy of this process that a trial made with fork(2): such a copy must never report."""

    def folder_of(self, lane: int) -> str:
        """Where the folders of the trials in `lane` are made."""
        return self.rooms[lane] if self.rooms else self.temporary

    def watch_forks(self) -> None:
        """Cut off every copy of this process that a trial makes: it can neither report nor take what is sent to us."""

        def in_copy() -> None:
            self.owner = False
            self.channel.close()

        os.register_at_fork(after_in_child=in_copy)

    def leave_if_unwanted(self, error: BaseException | None = None) -> None:
        """End a process that came out of the target but must not report on it.

        A condemned one: the signal for its stacks may be all that ended the trial. A copy: as a program of its own
        would have ended.
        """
        if self.owner:
            if self.words[board.STOP] == board.CONDEMNED:
                os._exit(1)
            return
        end_copy(error)

    def drop_failed(self, items: Mapping[str, str]) -> None:
        """Run no more what has failed: of `items`, which a trial here has just reported, and what others have told."""
        selection = self.loaded.selection
        if not self.listens or selection is None:
            return
        left_out = self.leases.left_out
        left_out |= {item for item, outcome in items.items() if outcome == "failed"}
        selection.leave_out(left_out)
        if selection.is_used_up:
            self.words[board.STOP] = self.words[board.STOP] or 1

    def show_item(self, index: int) -> None:
        """Show on the board which item is running."""
        self.words[board.ITEM] = index + 1

    def report_exception(self, trial: int, error: BaseException, nanoseconds: int, output: str = "") -> None:
        """Report how a trial ended that raised `error`."""
        self.reporter.ended(trial, nanoseconds, **ending_of(error), output=output)

    def report_late(self, trial: int, nanoseconds: int, output: str = "", **more: Any) -> None:
        """Report a trial that has ended by itself, but too late."""
        selection = self.loaded.selection
        if selection is not None and len(selection.ids) == 1:
            more |= {"item": selection.ids[0], "items": {selection.ids[0]: "failed"}}
        self.reporter.ended(trial, nanoseconds, outcome="timed out", output=output, **more)

    def report_batch(self, now: int, *, idle: bool = False) -> None:
        """Send the batch if leases have been taken to their end, or if it has been held back for long enough.

        `now` is the monotonic time in nanoseconds. An `idle` process, which has no trial in flight and none to take,
        holds nothing back: somebody may wait for it before there are more.
        """
        if idle or self.leases.exhausted or self.reporter.due(now):
            self.reporter.lease_done(self.leases.exhausted)
            self.leases.exhausted = 0
            self.reporter.flush()
