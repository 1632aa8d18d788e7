"""How a run is spread over processes, whether the machine can hold them, and the order for each of them."""

import os
import resource
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.engine.leftovers import marker_of
from flakeproof.errors import UsageError
from flakeproof.model import CommandTarget, Isolation, PytestTarget, RunSpec
from flakeproof_worker.environment import RUN
from flakeproof_worker.shared import slots
from flakeproof_worker.shared.seeds import trial_seed
from flakeproof_worker.shared.variables import of_process

_OWN_IN_COORDINATOR = 32
_PER_PROCESS = 4
"""Descriptors of the coordinator for each process: socket, pidfd, output, and one while the process starts."""
_OWN_IN_PROCESS = 32
_PER_FORK = 4
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def check(spec: RunSpec) -> None:
    """Make sure that the machine can hold the run; raise the soft limit of descriptors as far as needed and allowed.

    Raises UsageError with the number needed.
    """
    lanes = -(-spec.workers // spec.processes)
    per_lane = spec.target.descriptors_per_trial + (_PER_FORK if spec.isolation is not Isolation.SHARED else 0)
    needed = max(_OWN_IN_COORDINATOR + _PER_PROCESS * spec.processes, _OWN_IN_PROCESS + per_lane * lanes)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if needed > soft:
        if hard not in (resource.RLIM_INFINITY,) and needed > hard:
            raise UsageError(
                f"{spec.workers} workers, {lanes} in a process: a process needs {needed} file descriptors, "
                f"the limit is {hard}",
                f"ask for fewer --workers, more --processes, or raise the limit: ulimit -n {needed}",
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    ports = spec.target.ports_per_trial * spec.workers
    available = _ephemeral_ports()
    if available is not None and ports > available and not spec.perturbations.ports:
        raise UsageError(
            f"{spec.workers} workers need {ports} ephemeral ports, the system has {available}",
            "ask for fewer --workers or widen net.ipv4.ip_local_port_range",
        )


def lanes_per_process(spec: RunSpec) -> list[int]:
    """How many workers each of the processes of a run holds."""
    workers = spec.workers if spec.count is None else min(spec.workers, spec.count)
    processes = min(spec.processes, workers)
    share, rest = divmod(workers, processes)
    return [share + (index < rest) for index in range(processes)]


def _ephemeral_ports() -> int | None:
    try:
        low, high = map(int, _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return None
    return high - low + 1


def order_for(
    spec: RunSpec,
    number: int,
    place: int,
    all_lanes: Sequence[int],
    *,
    run_id: str,
    scratch: str,
    temporary: str,
    private_network: bool,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The order for a worker process, and the environment that it starts with.

    `number` is the number of the process in its run, `place` its place among the run's simultaneous processes, and
    `all_lanes` the number of workers at each place; `scratch` and `temporary` are folders, as for the dispatcher.
    """
    target = spec.target
    order: dict[str, Any] = {
        "coordinator": os.getpid(),
        "seed": spec.seed,
        "lanes": all_lanes[place],
        "isolation": spec.isolation.value,
        "grace": spec.grace,
        "timeout": None if spec.adapts_timeout else spec.timeout,
        "scratch": scratch,
        "temporary": temporary,
        "draws_hash_seed": "PYTHONHASHSEED" not in {**os.environ, **target.environment},
        "listens": spec.drop_failed,
        "slots": {},
        "private_network": private_network,
        "watches_packets": spec.watch_packets,
        "keeps_captures": spec.keep_captures,
        "sanitize": msgspec.to_builtins(spec.sanitize),
        "target": msgspec.to_builtins(target),
        "perturbations": msgspec.to_builtins(spec.perturbations),
    }
    environment = {**os.environ, RUN: marker_of(run_id)}
    if isinstance(target, PytestTarget | CommandTarget):
        order["slots"] = slots.of_process(sum(all_lanes[:place]), sum(all_lanes), os.environ)
        environment |= slots.variables(0, order["slots"])
    if not isinstance(target, CommandTarget):
        # Derived from the run's seed and different in each process, so that dependence on hash order can show.
        environment.setdefault("PYTHONHASHSEED", str(trial_seed(spec.seed, number)))
        environment |= of_process(order["perturbations"], spec.seed, number)
        environment |= target.environment
    return order, environment
