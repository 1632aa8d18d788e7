"""Shared by the lanes whose trials are child processes: start, watch, end at the time limit, reap, report."""

import os
import selectors
import signal
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flakeproof_worker.shared import board
from flakeproof_worker.shared.network_faults import has_packet_faults
from flakeproof_worker.shared.output import Output, excerpt, nameless_file
from flakeproof_worker.shared.private import time
from flakeproof_worker.shared.process_exit import Step, following
from flakeproof_worker.shared.stacks import DUMP_SIGNAL, LAST_RESORT_SIGNAL, are_in
from flakeproof_worker.system import folders
from flakeproof_worker.trial_context import Duty

if TYPE_CHECKING:
    from socket import socket

    from flakeproof_worker.lanes.lane_relays import LaneRelays
    from flakeproof_worker.lanes.lane_taps import LaneTaps
    from flakeproof_worker.perturb.freeze import Freezer

_LOOK_SECONDS = 0.1
"""How often packets are taken out of their rings, which hold 16,384."""
_DUMP_NANOSECONDS = 100_000_000
"""How long a child may take to write its stacks before TERM is sent."""


@dataclass
class Child:
    """A trial in flight."""

    trial: int
    pid: int
    pidfd: int
    started: int
    folder: str
    ending: Step = Step.RUNNING
    next_step: int = 0
    expired: int = 0
    """When the trial was found to have exceeded its time limit; 0 before."""
    running: dict[str, Any] = field(default_factory=dict)
    """Fields of the report on the part of the trial that was running then."""


class Children(ABC):
    """Keeps every lane busy while there are trials."""

    writes_stacks = False
    """Whether a child writes its stacks when it gets DUMP_SIGNAL."""
    needs_folder = False
    """Whether each trial gets a folder for temporary files, which is removed when the trial has ended."""
    in_child = False
    """Whether this process is a fork for a trial, which begins once `run` has returned."""
    longest_wait: float | None = None
    """While trials are in flight, `look` is called at least every so many seconds."""

    def __init__(self, duty: Duty) -> None:
        self.duty = duty
        self.outputs = [nameless_file(duty.scratch) for _ in range(duty.lanes)]
        """For each lane, the file that receives its trial's output."""
        self.running: dict[int, Child] = {}
        self._spare: dict[int, str] = {}
        """For each lane, the folder of its last trial, if that trial left it empty."""
        self.selector = selectors.DefaultSelector()
        self.selector.register(duty.channel.fileno(), selectors.EVENT_READ)
        self.freezer = _freezer(duty)
        """Stops the children for short moments; None without the perturbation `freeze`."""
        self.taps = _taps(duty)
        """Sees the packets of each trial; None where nobody asks for that."""
        if self.taps is not None:
            self.longest_wait = _LOOK_SECONDS
        self.relays = _relays(duty)
        """Put the faults of a network on the packets of each trial; None where nobody asks for that."""

    @abstractmethod
    def start(self, lane: int, trial: int, seed: int, folder: str) -> int:
        """Start the child of a trial as leader of its own session; return its process id, 0 in the forked child.

        `folder` is for its temporary files, "" if it needs none. Raises OSError if no process can be made.
        """

    @abstractmethod
    def report(self, lane: int, child: Child, status: int, elapsed: int) -> None:
        """Report on a child that has ended in time, with the wait status `status` after `elapsed` nanoseconds."""

    def written(self, lane: int) -> dict[str, str]:
        """Fields of the report on the output in `lane`; the output file is emptied."""
        return {"output": Output(self.outputs[lane]).take()}

    def timed_out(self, child: Child) -> None:  # noqa: B027 - not every kind has something to do
        """Called after a child that exceeded its time limit has been reported."""

    def settle(self, pid: int | None = None) -> None:
        """Apply the requested nice value to the session of child `pid`; in a child (None), to its own session."""
        if self.duty.perturbations.get("nice"):
            from flakeproof_worker.perturb.confinement import be_nice_as_a_session

            be_nice_as_a_session(pid)

    def receivers(self, lane: int) -> "tuple[socket | None, socket | None]":
        """To whom the process of the trial in `lane` hands its packets over: who watches them, and the relay."""
        watcher = self.taps.receiver(lane) if self.taps is not None else None
        return watcher, self.relays.of(lane) if self.relays is not None else None

    def running_in(self, lane: int) -> dict[str, object]:
        """Fields of the report on the part of the trial that was running at the time limit."""
        return {}

    def clear_up(self, child: Child) -> None:  # noqa: B027 - not every kind has something to do
        """Kill the processes that a child, now ended, has left behind outside its process group."""

    def deserted(self) -> None:
        """The coordinator is gone and this process survived: kill what the coordinator would have killed, and end."""
        for child in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        os._exit(1)

    def look(self) -> None:  # noqa: B027 - not every kind has something to do
        """Check the trials in flight; called from time to time."""

    def run(self) -> None:
        """Run trials until there are no more; in a child made by fork, return at once."""
        try:
            self._run_trials()
        except ConnectionError:  # the coordinator went before it had read all reports
            self._desert()
            raise

    def _desert(self) -> None:
        if self.freezer is not None:
            self.freezer.end_all()
        self.deserted()

    def _run_trials(self) -> None:
        duty = self.duty
        while True:
            self._fill()
            if self.in_child:
                return
            if not self.running and duty.leases.no_more():
                break
            self._wait()
        duty.reporter.flush()
        if self.relays is not None:
            duty.channel.send({"type": "relayed", "counts": self.relays.totals()})

    def _fill(self) -> None:
        """Start a child in every free lane while trials remain."""
        duty = self.duty
        for lane in range(duty.lanes):
            if lane in self.running:
                continue
            duty.drop_failed({})  # failures that other processes have reported since
            trial = duty.leases.take()
            duty.report_batch(time.perf_counter_ns(), idle=trial is None and not self.running)
            if trial is None:
                return
            self._begin(lane, *trial)
            if self.in_child:
                return

    def _begin(self, lane: int, trial: int, seed: int) -> None:
        duty = self.duty
        started = time.perf_counter_ns()
        board.begin(duty.words, lane, trial, started)
        folder = ""
        try:
            if self.needs_folder:
                folder = self._spare.pop(lane, "") or folders.make(duty.folder_of(lane), trial)
            if self.taps is not None:
                self.taps.begin(lane, trial)
            pid = self.start(lane, trial, seed, folder)
            if self.in_child:
                return
        except OSError as error:
            if folder:
                folders.remove(folder)
            duty.reporter.ended(trial, 0, outcome="lost", reason=f"no process could be made for it: {error}")
            board.clear(duty.words, lane)
            return
        child = self.running[lane] = Child(trial, pid, os.pidfd_open(pid), started, folder)
        self.selector.register(child.pidfd, selectors.EVENT_READ, lane)
        if self.freezer is not None:
            self.freezer.begin(lane, pid, seed, time.perf_counter_ns())

    def _wait(self) -> None:
        duty = self.duty
        steps = [child.next_step for child in self.running.values() if child.next_step]
        if self.freezer is not None:
            steps += self.freezer.due()
        timeout = max(0.0, (min(steps) - time.perf_counter_ns()) / 1e9) if steps else self.longest_wait
        if duty.leases.exhausted or duty.reporter.passed:
            timeout = min(timeout if timeout is not None else 0.1, 0.1)
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                duty.leases.hear(duty.channel.receive_ready())
                if duty.channel.at_end:
                    self.selector.unregister(duty.channel.fileno())
                    self._desert()
            else:
                self._reap(key.data)
        for trial in duty.leases.expired:
            for lane, child in self.running.items():
                if child.trial == trial and child.ending is Step.RUNNING:
                    child.next_step = child.expired = time.perf_counter_ns()
                    child.running = self.running_in(lane)  # before any signal, which can end what hangs
                    if self.freezer is not None:
                        self.freezer.end(lane)  # a stopped process reacts to no signal but KILL
        duty.leases.expired.clear()
        if self.freezer is not None:
            self.freezer.step(time.perf_counter_ns())
        for lane, child in self.running.items():
            if child.next_step and child.next_step <= time.perf_counter_ns():
                self._end_further(lane, child)
        if duty.reporter.passed and duty.reporter.due(time.perf_counter_ns()):
            duty.reporter.flush()
        if self.taps is not None:
            self.taps.look()
        self.look()

    def _end_further(self, lane: int, child: Child) -> None:
        """Take the next step to end a child that exceeded its time limit: dump its stacks, TERM, KILL."""
        now = time.perf_counter_ns()
        with suppress(ProcessLookupError):
            step = following(
                child.ending,
                writes_stacks=self.writes_stacks,
                has_written=lambda: are_in(excerpt(self.outputs[lane])),
            )
            match step:
                case Step.DUMPING:
                    os.kill(child.pid, DUMP_SIGNAL)
                    child.next_step = now + _DUMP_NANOSECONDS
                case Step.INSISTING:
                    os.kill(child.pid, LAST_RESORT_SIGNAL)
                    child.next_step = now + _DUMP_NANOSECONDS
                case Step.TERMINATING:
                    os.killpg(child.pid, signal.SIGTERM)
                    child.next_step = now + int(self.duty.grace * 1e9)
                case _:
                    os.killpg(child.pid, signal.SIGKILL)
                    child.next_step = 0
            child.ending = step

    def _reap(self, lane: int) -> None:
        child = self.running.pop(lane)
        if self.freezer is not None:
            self.freezer.end(lane)
        self.selector.unregister(child.pidfd)
        os.close(child.pidfd)
        # Kill the group before the child is reaped: afterwards the group's number may be reused.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # processes that the trial has started and left in its group
        _, status = os.waitpid(child.pid, 0)
        elapsed = time.perf_counter_ns() - child.started
        self.clear_up(child)
        if self.relays is not None:
            self.relays.ask(lane, child.trial)
        if child.folder and folders.is_empty(child.folder):
            self._spare[lane] = child.folder  # as good as a new folder, and cheaper
        elif child.folder:
            folders.remove(child.folder)
        if child.expired:
            nanoseconds = child.expired - child.started
            fields = {**self.written(lane), **child.running}
            self.duty.reporter.ended(child.trial, nanoseconds, outcome="timed out", **fields)
            self.timed_out(child)
        else:
            self.report(lane, child, status, elapsed)
        if self.taps is not None:
            self.taps.end(lane, {} if self.relays is None else self.relays.evidence(child.trial))
        board.clear(self.duty.words, lane)


def _taps(duty: Duty) -> "LaneTaps | None":
    if not duty.watches_packets:
        return None
    from flakeproof_worker.lanes.lane_taps import LaneTaps

    through_tunnel = has_packet_faults(duty.perturbations.get("network"))
    folder = f"{duty.scratch}/packets"
    taps = LaneTaps(duty.lanes, folder, keeps_all=duty.keeps_captures, through_tunnel=through_tunnel)
    duty.reporter.evidence.append(taps.evidence)
    return taps


def _relays(duty: Duty) -> "LaneRelays | None":
    if not has_packet_faults(duty.perturbations.get("network")):
        return None
    from flakeproof_worker.lanes.lane_relays import LaneRelays

    relays = LaneRelays(duty.lanes)
    duty.reporter.evidence.append(relays.evidence)
    return relays


def _freezer(duty: Duty) -> "Freezer | None":
    asked = duty.perturbations.get("freeze")
    if not asked:
        return None
    from flakeproof_worker.perturb.freeze import Freezer
    from flakeproof_worker.system import process_tree

    # If this process died with the coordinator, nobody would resume the stopped children. It survives, notices that
    # the coordinator has gone, and ends them.
    process_tree.outlive_parent()
    return Freezer(asked)
