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
    """The target as the coordinator has described it."""
    lanes: int
    channel: Channel
    words: memoryview
    leases: Leases
    reporter: Reporter
    output: Output
    stacks_descriptor: int
    """Descriptor to which stacks are written; the file is that of `output`."""
    grace: float
    limit_ns: float
    """A trial that took longer has timed out, even if it ended by itself; inf for no limit."""
    scratch: str
    """Folder for files without a name."""
    slots: Mapping[str, int]
    """The numbers of this process's lanes among all lanes (`shared.slots`); empty if there is only one."""
    temporary: str
    """Folder in which trials get folders of their own; "" if they get none."""
    rooms: Sequence[str]
    """With `--temp-space`: the folder of limited size for each lane, in place of `temporary`; otherwise empty."""
    run_seed: int
    environment: Mapping[str, str]
    """The environment of this process at its start, before any code of the user ran."""
    sanitize: Mapping[str, Any] | None
    """What the sanitizers watch, as the coordinator has ordered it."""
    draws_hash_seed: bool
    """Whether a trial may have a PYTHONHASHSEED of its own."""
    listens: bool
    """Whether the coordinator says between trials which items to leave out."""
    perturbations: Mapping[str, Any]
    """The perturbations that the coordinator asked for."""
    watches_packets: bool
    """Whether the packets of each trial are kept if it fails …"""
    keeps_captures: bool
    """… or in any case."""
    loaded: Loaded
    reseed: Reseed | None = None
    """Reseeds generators that were made at import from the seed of a trial; None unless trials are forks."""
    owner: bool = True
    """False in a fork of this process that a trial made: such a fork must never report."""

    def folder_of(self, lane: int) -> str:
        """The folder in which the folders of the trials in `lane` are made."""
        return self.rooms[lane] if self.rooms else self.temporary

    def watch_forks(self) -> None:
        """Disconnect every fork that a trial makes: it can neither report nor receive messages to this process."""

        def in_copy() -> None:
            self.owner = False
            self.channel.close()

        os.register_at_fork(after_in_child=in_copy)

    def leave_if_unwanted(self, error: BaseException | None = None) -> None:
        """End this process if it returned from the target but must not report on the trial.

        A condemned process must not report, because the signal for its stacks may be what ended the trial. A fork that
        the trial made ends like a program of its own.
        """
        if self.owner:
            if self.words[board.STOP] == board.CONDEMNED:
                os._exit(1)
            return
        end_copy(error)

    def drop_failed(self, items: Mapping[str, str]) -> None:
        """Leave out items that have failed: among `items` of a trial here, and those that the coordinator has named."""
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
        """Report on a trial that raised `error`."""
        self.reporter.ended(trial, nanoseconds, **ending_of(error), output=output)

    def report_late(self, trial: int, nanoseconds: int, output: str = "", **more: Any) -> None:
        """Report a trial that has ended by itself, but too late."""
        selection = self.loaded.selection
        if selection is not None and len(selection.ids) == 1:
            more |= {"item": selection.ids[0], "items": {selection.ids[0]: "failed"}}
        self.reporter.ended(trial, nanoseconds, outcome="timed out", output=output, **more)

    def report_batch(self, now: int, *, idle: bool = False) -> None:
        """Send the batch if leases are used up, or if it has been held back for long enough.

        `now` is the monotonic time in nanoseconds. An `idle` process has no trial in flight and none to take; it holds
        nothing back, because the coordinator may wait for its report before it leases more.
        """
        if idle or self.leases.exhausted or self.reporter.due(now):
            self.reporter.lease_done(self.leases.exhausted)
            self.leases.exhausted = 0
            self.reporter.flush()
