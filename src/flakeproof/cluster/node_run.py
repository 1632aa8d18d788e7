"""The part of a run that one node of a cluster runs: a dispatcher in a thread, and the talk with the coordinator.

Nothing here knows the cluster engine: it makes a `NodeRun` on the node and carries what is said.
"""

import os
import selectors
import shutil
import signal
import sys
import threading
import traceback
from contextlib import suppress
from pathlib import Path

import msgspec

from flakeproof.clock import monotonic_ns
from flakeproof.cluster import exchange
from flakeproof.cluster.exchange import NodeOrder, Problem, Reply
from flakeproof.cluster.node_work import NodeWork, SettledEvents
from flakeproof.engine import limits, scout
from flakeproof.engine.crowd import Crowd
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.noise import surroundings
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import FlakeproofError, Stop, UsageError
from flakeproof.events import AnyEvent, Noted, Progressed, TrialFailed
from flakeproof.model import CallableTarget, CommandTarget, RunSpec, Target
from flakeproof.perturbations.resources import hindered
from flakeproof.version import PACKAGE, __version__

_TICK = 0.05
_SILENCE_NS = 120_000_000_000
"""A node that has not heard of the coordinator for so long ends its part of the run."""
_SET_BY_RAY = ("PYTHONBREAKPOINT", "SPT_NOENV", "RAY_JOB_ID", "RAY_RAYLET_PID", "RAY_LD_PRELOAD_ON_WORKERS")
"""Variables that Ray sets for what it starts. Tests get the environment that the node itself has."""


class NodeRun:
    """What the cluster engine makes on a node."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._order: NodeOrder | None = None
        self._here = str(Path.cwd())
        self._inbox: list[exchange.Instructions] = []
        self._events: list[AnyEvent] = []
        self._settled_numbers: list[int] = []
        self._told = 0
        self._reply = Reply()
        self._is_urgent = False
        self._heard_ns = monotonic_ns()
        self._work = NodeWork()
        self._settled = SettledEvents()

    def begin(self, order: bytes) -> bytes:
        """Begin; return the first reply, in which there is nothing but perhaps a problem."""
        try:
            self._order = exchange.decode_order(order)
        except msgspec.ValidationError as error:
            return exchange.encode(Reply(is_over=True, problem=_other_version(f"({error})")))
        if self._order.version != __version__:
            found = _other_version(f"({__version__} there, {self._order.version} here)")
            return exchange.encode(Reply(is_over=True, problem=found))
        for name in _SET_BY_RAY:
            os.environ.pop(name, None)
        # Ray starts its workers with a number of threads that follows from what it gives them, not from the machine.
        if os.environ.get("OMP_NUM_THREADS") == str(self._order.cpus):
            del os.environ["OMP_NUM_THREADS"]
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        threading.Thread(target=self._run, args=[self._order], name="flakeproof", daemon=True).start()
        return exchange.encode(Reply())

    def exchange(self, instructions: bytes) -> bytes:
        """Take in what the coordinator says; reply once there is something to tell, or its patience is over."""
        said = exchange.decode_instructions(instructions)
        with self._changed:
            self._inbox.append(said)
            self._heard_ns = monotonic_ns()
            with suppress(BlockingIOError):
                os.write(self._wake[1], b".")
            self._changed.wait_for(lambda: self._is_urgent, said.patience)
            self._is_urgent = False
            reply = msgspec.structs.replace(self._reply, events=self._events, settled=self._settled_numbers)
            self._events, self._settled_numbers = [], []
            if reply.is_over:
                os.close(self._wake[0])
                os.close(self._wake[1])
        return self._as_seen_there(exchange.encode(reply))

    def _as_seen_there(self, told: bytes) -> bytes:
        """Paths of the project as they are on the coordinator's machine, where people look into the files."""
        assert self._order is not None
        here, there = (msgspec.json.encode(path)[1:-1] for path in (self._here, self._order.project))
        return told if here == there else told.replace(here, there)

    # -- in the thread of the dispatcher

    def _run(self, order: NodeOrder) -> None:
        stopped, dropped, problem = None, 0, None
        try:
            stopped, dropped = self._dispatch(order, _here(order, self._here))
        except FlakeproofError as error:
            is_usage = isinstance(error, UsageError)
            problem = Problem(message=error.message, remedy=error.remedy, details=error.details, is_usage=is_usage)
        except BaseException:
            problem = Problem(message="flakeproof itself has failed on the node", details=traceback.format_exc())
        with self._changed:
            self._settled_numbers += self._settled.take()
            self._reply = Reply(is_over=True, stopped=stopped, dropped=dropped, problem=problem)
            self._is_urgent = True
            self._changed.notify()

    def _dispatch(self, order: NodeOrder, spec: RunSpec) -> tuple[Stop | None, int]:
        """Run the dispatcher to its end; why it ended early, and how many trials have no outcome for that."""
        limits.check(spec)

        def note(text: str) -> None:
            self._hear(Noted(message=text))

        first = None
        if order.watches_copies and scout.suits(spec):
            may = spec.private_network is None
            first = scout.Scout(_hindrance, note, may_switch=may, may_slow=spec.adapts_workers)
        with temporary_root(note) as temporary, selectors.DefaultSelector() as selector:
            scratch = Path(temporary, ".node")
            scratch.mkdir()
            dispatcher = Dispatcher(
                *(spec, str(scratch), temporary, order.run_id, self._hear, self._work, self._settled),
                renewal=Renewal(spec),
                scout=first,
                crowd=Crowd(spec) if order.watches_copies else None,
            )
            selector.register(self._wake[0], selectors.EVENT_READ)
            selector.register(dispatcher.fileno(), selectors.EVENT_READ)
            try:
                with surroundings([spec.perturbations], temporary, order.run_id, note):
                    try:
                        dispatcher.start()
                        while dispatcher.is_running:
                            selector.select(_TICK)
                            self._listen(dispatcher)
                            dispatcher.step(0)
                            self._publish(dispatcher)
                    finally:
                        selector.unregister(dispatcher.fileno())
                        dispatcher.close()
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        ended = dispatcher.end()
        return (Stop(ended.stopped) if ended.stopped else None), ended.dropped

    def _hear(self, event: AnyEvent) -> None:
        if isinstance(event, Progressed):
            return  # the coordinator tells of all nodes together
        with self._changed:
            if self._order is not None and self._order.spec.question is not None:
                self._settled.told(self._told, event)
            self._told += 1
            self._events.append(event)
            if isinstance(event, TrialFailed):  # it may end the run
                self._is_urgent = True
                self._changed.notify()

    def _listen(self, dispatcher: Dispatcher) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake[0], 4096)
        with self._changed:
            said, self._inbox = self._inbox, []
            is_deserted = monotonic_ns() - self._heard_ns > _SILENCE_NS
        was_over = self._work.is_over
        for one in said:
            self._work.is_over |= one.is_over
            self._settled.further_processes = one.further_processes
            if one.trials:
                self._work.give(one.trials)
            for reason in one.stops:
                dispatcher.stop(reason)
        if is_deserted:
            dispatcher.stop(Stop.TERMINATED, urgently=True)
        if self._work.is_over != was_over or any(one.trials for one in said):
            dispatcher.wake_all()

    def _publish(self, dispatcher: Dispatcher) -> None:
        """Make known how things stand."""
        with self._changed:
            self._settled_numbers += self._settled.take()
            self._reply = Reply(
                in_flight=dispatcher.in_flight, unreported=dispatcher.unreported, wants=self._work.wants()
            )
            if self._work.is_hungry:
                self._work.is_hungry = False
                self._is_urgent = True
                self._changed.notify()


def _other_version(how: str) -> Problem:
    return Problem(
        message=f"it has another version of flakeproof {how}", remedy=f"install flakeproof=={__version__} on the nodes"
    )


def _hindrance() -> str | None:
    found = hindered("network")
    return None if found is None else found.why


def _here(order: NodeOrder, folder: str) -> RunSpec:
    """The run as it is on this node, whose copy of the project is in `folder`. Raises UsageError."""
    target = order.spec.target
    changes: dict[str, object] = {
        "folder": _moved(target.folder, order.project, folder),
        "python": _interpreter(target, order, folder),
    }
    if isinstance(target, CallableTarget):
        own = PACKAGE
        changes["packages"] = {
            name: own if path == order.flakeproof else _moved(path, order.project, folder)
            for name, path in target.packages.items()
        }
    elif isinstance(target, CommandTarget):
        changes["program"] = _program(target, order.project, folder)
    found: Target = msgspec.structs.replace(target, **changes)
    return msgspec.structs.replace(order.spec, target=found)


def _moved(path: str, project: str, folder: str) -> str:
    """`path`, or where it is in the copy of the project, if it is in there."""
    inside = Path(path)
    return str(Path(folder) / inside.relative_to(project)) if inside.is_relative_to(project) else path


def _interpreter(target: Target, order: NodeOrder, folder: str) -> str:
    """The interpreter for the tests: flakeproof's own here if it is that there, else the one at its path."""
    if target.python == order.python:
        return sys.executable
    for path in (target.python, _moved(target.python, order.project, folder)):
        if os.access(path, os.X_OK):
            return path
    raise UsageError(
        f"it has no interpreter {target.python}",
        "environments do not travel with the project: give the path of one that is on every node with --python",
    )


def _program(target: CommandTarget, project: str, folder: str) -> str:
    moved = _moved(target.program, project, folder)
    found = moved if os.access(moved, os.X_OK) else shutil.which(target.argv[0], path=os.environ.get("PATH"))
    if found is None:
        raise UsageError(f"it has no program {target.argv[0]}", "install it on every node, or let it be in the project")
    return found
