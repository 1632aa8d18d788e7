"""How a run is spread over processes, and whether the machine has the descriptors and ports that it needs."""

import resource
from pathlib import Path

from flakeproof.errors import UsageError
from flakeproof.model import Isolation, RunSpec

_OWN_IN_COORDINATOR = 32
_PER_PROCESS = 4
"""Descriptors of the coordinator for each process: socket, pidfd, output, and one while it is started."""
_OWN_IN_PROCESS = 32
_PER_FORK = 4
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def check(spec: RunSpec) -> None:
    """Make sure that the run fits; raise this process's soft limit of descriptors as far as needed and allowed.

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
