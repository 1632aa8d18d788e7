"""Ray as a place to run: connects to a cluster, takes the project there, and makes an actor on each node.

The actors belong to this program: Ray ends them when it ends, however it ends.
"""

import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from flakeproof.clock import monotonic_ns
from flakeproof.cluster.exchange import FoundNode, Gone
from flakeproof.cluster.node_run import NodeRun
from flakeproof.errors import CannotRunError, UsageError
from flakeproof.signals import ENDING
from flakeproof.text import one_line

LEFT_BEHIND = (".git", ".hg", ".flakeproof", ".venv", "venv", "node_modules", "__pycache__", ".tox", ".nox")
"""Folders that do not travel with a project, beside what its .gitignore and .rayignore name."""
_CACHES = (".mypy_cache", ".pytest_cache", ".ruff_cache")
_LOOK_NS = 2_000_000_000
"""How often the cluster is asked for its nodes."""
_PATIENCE = 10.0
"""Seconds in which a cluster must accept a connection."""
_TOO_LARGE = re.compile(r"Package size \([^)]*\) exceeds the maximum size of [\w.]*\w")
_INSTALL = "pip install 'flakeproof[ray]'"


class RayLinks:
    """The connections to the nodes of a Ray cluster (`cluster.exchange.Links`)."""

    def __init__(self, address: str, folder: str) -> None:
        """Connect to the cluster at `address` and take what is in `folder` there.

        Raises UsageError or CannotRunError.
        """
        self._ray = _import_ray()
        self._address = address
        self._actors: dict[int, Any] = {}
        self._pending: dict[Any, int] = {}
        """The node whose reply each reference is for."""
        self._known: set[str] = set()
        self._names: set[str] = set()
        self._next_look_ns = 0
        if self._ray.is_initialized():
            raise UsageError("this program is connected to a Ray cluster already", "ray.shutdown() before the run")
        _let_speak(self._ray, speaks=False)
        _connect(self._ray, address, folder)

    def new_nodes(self) -> list[FoundNode]:
        """Nodes with processors that have come since the last call; the cluster is asked every two seconds."""
        if monotonic_ns() < self._next_look_ns:
            return []
        self._next_look_ns = monotonic_ns() + _LOOK_NS
        found: list[FoundNode] = []
        for node in self._ray.nodes():
            cpus = int(node["Resources"].get("CPU", 0))
            if node["Alive"] and cpus and node["NodeID"] not in self._known:
                self._known.add(node["NodeID"])
                found.append(FoundNode(key=node["NodeID"], name=self._name_of(node), cpus=cpus))
        return found

    def begin(self, node: FoundNode, number: int, order: bytes, cpus: int) -> None:
        """Make an actor on the node; it waits there until so many processors are free."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node.key, soft=False)
        options = {"num_cpus": cpus, "scheduling_strategy": there, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(NodeRun).options(**options).remote()
        self._actors[number] = actor
        self._pending[actor.begin.remote(order)] = number

    def say(self, number: int, instructions: bytes) -> None:
        """Send instructions to the actor."""
        self._pending[self._actors[number].exchange.remote(instructions)] = number

    def wait(self, seconds: float) -> list[tuple[int, bytes | Gone]]:
        """Replies that have come."""
        waiting = list(self._pending)
        ready, _ = self._ray.wait(waiting, timeout=seconds) if waiting else ([], [])
        if ready and len(waiting) > 1:
            ready, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
        return [(self._pending.pop(reference), self._told(reference)) for reference in ready]

    def release(self, number: int) -> None:
        """End the actor."""
        self._pending = {reference: other for reference, other in self._pending.items() if other != number}
        with suppress(Exception):  # it is dead already
            self._ray.kill(self._actors.pop(number))

    def close(self) -> None:
        """End all actors and disconnect."""
        for number in list(self._actors):
            self.release(number)
        with _signals_kept():
            self._ray.shutdown()
        _let_speak(self._ray, speaks=True)

    def _told(self, reference: Any) -> bytes | Gone:
        try:
            told: bytes = self._ray.get(reference)
        except self._ray.exceptions.RayError as error:
            return _gone(error)
        return told

    def _name_of(self, node: dict[str, Any]) -> str:
        """The name that the node was given, else its host's; with the beginning of its id where several have one."""
        address, given, host = (node[key] for key in ("NodeManagerAddress", "NodeName", "NodeManagerHostname"))
        name = given if given and given != address else host
        if name in self._names:
            name = f"{name}-{node['NodeID'][:6]}"
        self._names.add(name)
        return str(name)


def _import_ray() -> Any:
    # Ray tells its makers of its use unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            f"--on needs Ray, which cannot be imported: {error}", f"{_INSTALL}, or leave --on out"
        ) from None
    return ray


def _let_speak(ray: Any, *, speaks: bool) -> None:
    """Whether Ray prints what it has to say of the cluster: it does so on stdout, which is for results."""
    ray._private.worker._worker_logs_enabled = speaks  # as Ray's own debugger does; `log_to_driver` is not about these


def _connect(ray: Any, address: str, folder: str) -> None:
    excludes = [f"{name}/" for name in (*LEFT_BEHIND, *_CACHES)]
    options: dict[str, Any] = {"log_to_driver": False, "runtime_env": {"working_dir": folder, "excludes": excludes}}
    if not address.startswith("ray://"):
        options |= {"logging_level": logging.ERROR, "configure_logging": False}
    _check_that_anybody_listens(address)
    logging.getLogger("ray").setLevel(logging.ERROR)
    with _signals_kept():
        try:
            ray.init(address=address, **options)
        except Exception as error:
            with suppress(Exception):
                ray.shutdown()
            raise _why_not(address, folder, error) from None


def _check_that_anybody_listens(address: str) -> None:
    """Raise UsageError where nobody does: Ray would try for minutes, and tell of each time."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return  # `auto`: Ray finds the address
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _no_cluster(address, getattr(error, "strerror", None) or str(error)) from None


def _no_cluster(address: str, said: str) -> UsageError:
    return UsageError(
        f"there is no Ray cluster at {address}: {said}",
        "`ray status` on a machine of the cluster shows its address; `ray start --head` starts one here",
    )


def _why_not(address: str, folder: str, error: Exception) -> Exception:
    """The error for a cluster that cannot be used."""
    said = one_line(str(error))
    if "ersion mismatch" in str(error):
        return UsageError(
            f"the cluster at {address} has other versions than this program: {said}",
            "run flakeproof with the Python and the Ray of the cluster",
        )
    if (size := _TOO_LARGE.search(str(error))) is not None:
        return UsageError(
            f"the project in {folder} is too large to travel to the cluster: {size[0]}",
            f"name what tests do not need in .rayignore, which reads like .gitignore (left behind in any case: what "
            f".gitignore names, {', '.join(LEFT_BEHIND)})",
        )
    if isinstance(error, ImportError):
        return UsageError(f"--on {address} needs more of Ray: {said}", _INSTALL)
    if isinstance(error, ConnectionError | TimeoutError | RuntimeError):
        return _no_cluster(address, said)
    return CannotRunError(f"the cluster at {address} cannot be used ({type(error).__name__}): {said}")


def _gone(error: Exception) -> Gone:
    """Why an actor does not answer, in one line."""
    text = str(error)
    if "No module named 'flakeproof" in text or "No module named 'msgspec" in text:
        return Gone(
            reason="flakeproof is not installed in the Python that Ray uses there",
            remedy=f"{_INSTALL} on every node, or start Ray there from an environment that has it",
        )
    kind = type(error).__name__
    if "node" in text and ("died" in text or "dead" in text or "unexpectedly" in text):
        return Gone(reason=f"Ray: the node or its process has died ({kind})")
    return Gone(reason=f"Ray: {kind}: {one_line(text)}")


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Keep our handlers of signals: Ray sets its own."""
    kept = {number: signal.getsignal(number) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in kept.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
