"""The one loop that owns order and state of a run on a cluster: it gives trials to nodes and counts what they tell."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.cluster import exchange
from flakeproof.cluster.exchange import FoundNode, Gone, Instructions, Links, NodeOrder, Problem, Reply
from flakeproof.cluster.sharing import Shares
from flakeproof.engine.collection import Collected
from flakeproof.engine.leases import Block, Pool
from flakeproof.engine.run_end import Ending, Inquiry, Surplus
from flakeproof.errors import CannotRunError, Stop, UsageError
from flakeproof.events import (
    Answered,
    AnyEvent,
    ItemsCollected,
    LoadFailed,
    NodeJoined,
    NodeLost,
    Noted,
    ProcessLoaded,
    Progressed,
    RunEnded,
    Sighted,
    TrialFailed,
    TrialLeaked,
    TrialLost,
    TrialPassed,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.model import PROCESSES_PER_SHARD, Failure, RunSpec
from flakeproof.text import number, plural

_TICK = 0.05
_LEAST_PATIENCE = 0.2
"""Seconds for which a node holds its reply back, if nothing in it is urgent …"""
_NODES_PER_SECOND = 2000
"""… or longer, so that no more than so many replies come in a second."""
_BUSY_NS = 10_000_000_000
"""A cluster may take so long to start anything before the user is told what the run waits for."""
_FAREWELL_NS = 60_000_000_000
"""Beyond the grace time, a node may take so long to end its part of a run."""


@dataclass
class _Node:
    """A node, as far as the coordinator knows."""

    number: int
    name: str
    workers: int
    cpus: int
    is_ready: bool = False
    """Whether it has begun."""
    reply: Reply = field(default_factory=Reply)
    """The latest."""
    stops_told: int = 0
    over_told: bool = False
    unsettled: dict[int, AnyEvent | None] = field(default_factory=dict)
    """Events that it has told and not settled; None for those that do not count."""
    told: int = 0
    """How many events it has told."""
    failed: int = 0


class Coordinator:
    """Runs `spec` on the nodes behind `links` and passes every event to `emit`."""

    def __init__(
        self,
        spec: RunSpec,
        order: NodeOrder,
        links: Links,
        emit: Callable[[AnyEvent], None],
        pool: Pool,
        inquiry: Inquiry | None,
    ) -> None:
        """`order` is for all nodes, but for its spec; `pool` has the trials; `inquiry` answers the run's question."""
        self._spec = spec
        self._order = order
        self._links = links
        self._emit = emit
        self._shares = Shares(pool)
        self._inquiry = inquiry
        self._nodes: dict[int, _Node] = {}
        self._next_number = 0
        self._ending = Ending()
        self._stops: list[Stop] = []
        self._surplus = Surplus()
        self._collection = Collected()
        self._notes: set[str] = set()
        self._refusals: list[Problem] = []
        """Why nodes could not run the target."""
        self._ended = self._failed = 0
        self._any_loaded = False
        self._started_ns = self._last_end_ns = 0
        self._began_ns = monotonic_ns()
        self._next_look_ns = 0
        self._has_told_busy = False
        self._dropped = 0

    def stop(self, reason: Stop) -> None:
        """End the run early; a second request does not wait for the trials in flight. Safe in a signal handler."""
        self._ending.request(reason)
        self._stops.append(reason)  # also a second time

    def run(self) -> None:
        """Run to the end.

        Raises UsageError or CannotRunError if the target cannot be run; nothing is left on the nodes, however it ends.
        """
        self._welcome()
        if not self._nodes:
            raise CannotRunError(
                f"the cluster at {self._spec.on} has no node with a processor for tests",
                "`ray status` shows the nodes; one that is started with --num-cpus=0 runs none",
            )
        while self._nodes:
            for which, told in self._links.wait(_TICK):
                if (node := self._nodes.get(which)) is not None:
                    if isinstance(told, Gone):
                        self._lose(node, told)
                    else:
                        self._hear(node, exchange.decode_reply(told))
            now = monotonic_ns()
            if now >= self._next_look_ns:  # a look at all nodes costs more than a reply
                self._next_look_ns = now + int(_TICK * 1e9)
                self._tick(now)
        if note := self._surplus.note():
            self._emit(Noted(message=note))

    def end(self) -> RunEnded:
        """The last event of the run."""
        reason = self._ending.reason
        elapsed = (self._last_end_ns - self._started_ns) / 1e9 if self._started_ns and self._last_end_ns else 0.0
        return RunEnded(elapsed=max(0.0, elapsed), stopped=reason.value if reason else None, dropped=self._dropped)

    # -- nodes

    def _welcome(self) -> None:
        """Begin on nodes that have come."""
        if self._ending.reason is not None or self._shares.all_known:
            return
        for found in self._links.new_nodes():
            which = self._next_number
            self._next_number += 1
            spec = _spec_for(self._spec, which, found)
            cpus = min(found.cpus, spec.processes)
            self._nodes[which] = _Node(which, found.name, spec.workers, cpus)
            order = msgspec.structs.replace(self._order, spec=spec, cpus=cpus)
            self._links.begin(found, which, exchange.encode(order), cpus)

    def _hear(self, node: _Node, reply: Reply) -> None:
        node.reply = reply
        if reply.problem is not None:
            self._refused(node, reply.problem)
            return
        if not node.is_ready:
            node.is_ready = True
            self._shares.joined(node.number)
            self._emit(NodeJoined(node=node.number, name=node.name, workers=node.workers))
        for event in reply.events:
            self._take_in(node, event)
        self._settle(node, reply.settled)
        if reply.is_over:
            self._over(node)
        else:
            self._answer(node)

    def _answer(self, node: _Node) -> None:
        """Say to a node that has replied what it needs to know."""
        stops = self._stops[node.stops_told :]
        node.stops_told += len(stops)
        node.over_told |= self._shares.all_known
        trials: list[Block] = []
        if self._ending.reason is None and not node.over_told and node.reply.wants:
            trials = self._shares.give(node.number, node.reply.wants)
        further = self._inquiry.further_processes if self._inquiry is not None else 0
        said = Instructions(
            patience=max(_LEAST_PATIENCE, len(self._nodes) / _NODES_PER_SECOND),
            trials=trials,
            is_over=node.over_told,
            stops=stops,
            further_processes=-(-further // len(self._nodes)),
        )
        self._links.say(node.number, exchange.encode(said))

    def _over(self, node: _Node) -> None:
        """The node has ended its part by itself."""
        self._settle(node, list(node.unsettled))
        self._dropped += node.reply.dropped
        _, returned = self._shares.left(node.number)
        self._forget(node)
        stopped = node.reply.stopped
        if self._ending.reason is not None:
            return
        if stopped is Stop.GIVEN_UP or stopped is Stop.TERMINATED:
            why = stopped.value if stopped is Stop.GIVEN_UP else "it has not heard of this run for too long"
            self._emit(NodeLost(node=node.number, name=node.name, reason=why, lost=0, returned=returned))
            self._emit(Noted(message=f"node {node.name} has given up: {why}"))
            self._end_without_nodes()
        elif stopped is not None:
            self._end(stopped)

    def _refused(self, node: _Node, problem: Problem) -> None:
        """The node cannot run the target. Raises UsageError or CannotRunError if no node can."""
        self._refusals.append(msgspec.structs.replace(problem, message=f"node {node.name}: {problem.message}"))
        lost, returned = self._shares.left(node.number, node.reply.in_flight)
        self._forget(node)
        if self._any_loaded:
            self._emit(
                NodeLost(node=node.number, name=node.name, reason=problem.message, lost=len(lost), returned=returned)
            )
            self._emit(Noted(message=f"node {node.name} runs no tests: {problem.message}"))
            self._end_without_nodes()
        elif not self._nodes and not self._ending.reason:
            first = self._refusals[0]
            raise (UsageError if first.is_usage else CannotRunError)(first.message, first.remedy, first.details)

    def _lose(self, node: _Node, gone: Gone) -> None:
        """The node does not answer any more."""
        if not node.is_ready:
            self._refused(node, Problem(message=gone.reason, remedy=gone.remedy))
            return
        self._settle(node, list(node.unsettled))
        lost, returned = self._shares.left(node.number, node.reply.in_flight)
        self._forget(node)
        if self._ending.reason is not None:
            self._dropped += len(lost)
            return
        self._emit(NodeLost(node=node.number, name=node.name, reason=gone.reason, lost=len(lost), returned=returned))
        for trial in lost:
            self._ended += 1
            self._emit(TrialLost(trial=trial, reason=f"lost with node {node.name}: {gone.reason}"))
        self._last_end_ns = monotonic_ns()
        self._emit(Noted(message=f"node {node.name} is lost ({gone.reason}): {_with_it(len(lost), returned)}"))
        self._end_without_nodes()

    def _end_without_nodes(self) -> None:
        """End the run if there is no node left."""
        if not self._nodes:
            self._welcome()
        if self._nodes or self._shares.all_known:
            return
        self._end(Stop.NO_NODES)
        if (trial := self._shares.one_left()) is not None:
            self._ended += 1
            self._emit(TrialLost(trial=trial, reason="no node is left that could run it"))

    def _forget(self, node: _Node) -> None:
        del self._nodes[node.number]
        self._links.release(node.number)

    # -- trials

    def _take_in(self, node: _Node, event: AnyEvent) -> None:
        """Count what a node tells and pass it on."""
        counted = self._counted(node, event)
        if self._inquiry is not None:
            node.unsettled[node.told] = counted
        node.told += 1
        if counted is not None:
            self._emit(counted)
        if isinstance(counted, TrialFailed):
            most = self._spec.max_failures
            if most is not None and self._failed >= most and self._ending.reason is None:
                self._end(Stop.FAILFAST if most == 1 else Stop.MAX_FAILURES)
                self._surplus.begin({one.number: self._may_still_count(one, most) for one in self._nodes.values()})

    def _may_still_count(self, node: _Node, most: int) -> int:
        """How many trials of the node had ended without being told when the last allowed failure came."""
        # A node that has had all of them by itself has stopped there, and tells no more than what counts.
        return self._pool_size if node.failed >= most else node.reply.unreported

    @property
    def _pool_size(self) -> int:
        return self._spec.count if self._spec.count is not None else 1 << 62

    def _counted(self, node: _Node, event: AnyEvent) -> AnyEvent | None:
        """`event` as it is told to the sinks; None if it does not count, or has been told before."""
        match event:
            case TrialsPassed():
                self._close(node, event.trials)
                if (kept := self._surplus.passed(node.number, event.count)) != event.count:
                    event = msgspec.structs.replace(event, count=kept, trials=[])
                return self._ends(event, kept) if kept else None
            case TrialFailed():
                self._close(node, [(event.failure.trial, 1)])
                if self._surplus.failed(node.number):
                    return None
                self._failed += 1
                node.failed += 1
                changes: dict[str, Any] = {"number": self._failed, "failure": _on(event.failure, node.name)}
                changes["further"] = [_on(failure, node.name) for failure in event.further]
                return self._ends(msgspec.structs.replace(event, **changes), 1)
            case TrialLeaked():
                self._close(node, [(event.trial, 1)])
                return self._ends(event, 1) if self._surplus.passed(node.number, 1) else None
            case TrialSkipped() | TrialPassed() | TrialLost():
                self._close(node, [(event.trial, 1)])
                return self._ends(event, 1)
            case ItemsCollected():
                return event if self._collection.hear(event.items) else None
            case ProcessLoaded():
                self._any_loaded = True
                self._started_ns = self._started_ns or monotonic_ns()
                return event
            case LoadFailed():
                return LoadFailed(failure=_on(event.failure, node.name))
            case Noted():
                if event.message in self._notes:
                    return None
                self._notes.add(event.message)
                return Noted(message=f"node {node.name}: {event.message}")
            case Sighted():
                return event
        return None

    def _ends(self, event: AnyEvent, count: int) -> AnyEvent:
        self._ended += count
        self._last_end_ns = monotonic_ns()
        return event

    def _close(self, node: _Node, trials: list[Block]) -> None:
        told = sum(count for _, count in trials)
        if self._shares.ended(node.number, trials) != told:
            raise CannotRunError(
                f"node {node.name} has told of tests that it did not have", "this is a defect: report it"
            )

    def _end(self, reason: Stop) -> None:
        if self._ending.reason is None:
            self.stop(reason)

    def _settle(self, node: _Node, settled: list[int]) -> None:
        """Ask the run's question, now that nothing is missing before these events."""
        if self._inquiry is None or not settled:
            return
        for which in settled:
            if (event := node.unsettled.pop(which)) is not None:
                self._inquiry.add(event)
        if self._ending.reason is None and (finding := self._inquiry.answer()) is not None:
            self._emit(Answered(finding=finding))
            self._end(Stop.ANSWERED)

    # -- time

    def _tick(self, now: int) -> None:
        elapsed = (now - self._started_ns) / 1e9 if self._started_ns else 0.0
        duration = self._spec.duration
        if duration is not None and elapsed >= duration and (self._ended or self._spec.patience is not None):
            self._end(Stop.DURATION)
        if self._ending.reason is not None:
            self._wind_down(now)
        elif self._shares.all_known:
            for node in [node for node in self._nodes.values() if not node.is_ready]:
                self._forget(node)
        else:
            self._welcome()
        waiting = [node.name for node in self._nodes.values() if not node.is_ready]
        if len(waiting) == len(self._nodes) and not self._has_told_busy and now - self._began_ns > _BUSY_NS and waiting:
            self._has_told_busy = True
            names = ", ".join(waiting[:5]) + (" …" if len(waiting) > 5 else "")
            self._emit(
                Noted(message=f"waiting for the cluster to start a process on {names}: `ray status` shows its load")
            )
        unreported = sum(node.reply.unreported for node in self._nodes.values())
        self._emit(
            Progressed(
                completed=self._ended + unreported,
                failed=self._failed,
                planned=self._spec.count,
                elapsed=elapsed,
                planned_duration=duration,
                nodes=sum(node.is_ready for node in self._nodes.values()),
            )
        )

    def _wind_down(self, now: int) -> None:
        """Give up nodes that have not begun, and those that do not end."""
        self._ending.since_ns = self._ending.since_ns or now
        is_late = now - self._ending.since_ns > _FAREWELL_NS + self._spec.grace * 1e9
        for node in list(self._nodes.values()):
            if is_late and node.is_ready:
                self._lose(node, Gone(reason="it does not end its part of the run"))
            elif is_late or not node.is_ready:
                self._shares.left(node.number)
                self._forget(node)


def _spec_for(spec: RunSpec, which: int, found: FoundNode) -> RunSpec:
    """The part of the run for a node: trials are given to it one after the other, without an end that it knows."""
    workers, processes = spec.workers, spec.processes
    if spec.adapts_workers:  # what this machine could run says nothing about that one
        processes = max(1, found.cpus)
        workers = processes * -(-spec.workers // spec.processes)
    changes: dict[str, Any] = {
        "count": None,
        "chosen": [],
        "duration": None,
        "workers": workers,
        "processes": processes,
        "first_process": spec.first_process + which * PROCESSES_PER_SHARD,
    }
    return msgspec.structs.replace(spec, **changes)


def _on(failure: Failure, node: str) -> Failure:
    """`failure` with the name of the node that it was on."""
    return msgspec.structs.replace(failure, details={**failure.details, "node": node})


def _with_it(lost: int, returned: int) -> str:
    were = "was running is" if lost == 1 else "was running are"
    elsewhere = f"{number(returned)} that it had not told of {'runs' if returned == 1 else 'run'} elsewhere"
    return f"{plural(lost, 'test')} that it {were} lost with it, {elsewhere}" if lost else elsewhere
