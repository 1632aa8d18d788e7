"""What a worker process changes of its surroundings: its network and mounts, its CPUs, how much it leaves to others."""

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from flakeproof_worker.system import folders

_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
"""Also that of IPv6, and one for each network (ip(7))."""
_FIRST_PORT = 32768
"""Where Linux begins, so that nothing else is different."""


def confine(order: Mapping[str, Any]) -> list[str]:
    """Do what the coordinator's `order` asks for. Raises OSError, which says what is not permitted.

    The result are folders with little room for temporary files, one for each lane, or one for all where trials share
    a process; none where nobody asks for that.
    """
    asked = order["perturbations"]
    ports, room = asked.get("ports"), asked.get("temp_space")
    alone = asked.get("network") and order["target"]["kind"] == "command"  # Python is held up where it asks for more
    alone = alone or (order.get("private_network") and order["isolation"] == "shared")
    if not ports and not room and not alone:
        return []
    from flakeproof_worker.system import namespace

    if ports or alone:
        _have_own_network(ports)
    rooms = _rooms(order, room) if room else []
    namespace.give_up_privileges()
    return rooms


def have_private_network(asked: Mapping[str, Any]) -> None:
    """Have this process, which runs one trial, and its children be alone in a network, with the perturbations `asked`.

    Only while it has a single thread. Raises OSError, which says what is not permitted.
    """
    from flakeproof_worker.system import namespace

    _have_own_network(asked.get("ports"))
    namespace.give_up_privileges()


def _have_own_network(ports: int | None) -> None:
    from flakeproof_worker.system import namespace

    namespace.enter_network_namespace()
    namespace.bring_up_loopback()
    if ports:
        with open(_RANGE, "w") as file:  # noqa: PTH123 - pathlib is not imported into the process of the user's code
            file.write(f"{_FIRST_PORT} {_FIRST_PORT + ports - 1}")


def _rooms(order: Mapping[str, Any], size: int) -> list[str]:
    from flakeproof_worker.system import namespace

    namespace.enter_mount_namespace()
    is_function = order["target"]["kind"] not in ("command", "pytest")
    is_shared = is_function and order["isolation"] == "shared"
    rooms = []
    for number in range(1 if is_shared else order["lanes"]):
        path = f"{order['temporary']}/{os.getpid()}-{number}"
        os.mkdir(path, 0o700)  # noqa: PTH102
        namespace.mount_memory(path, size * order["lanes"] if is_shared else size)
        rooms.append(path)
    if is_shared:
        folders.use(rooms[0])
    return rooms


def take_place(order: Mapping[str, Any]) -> None:
    """Take the place that the coordinator's `order` asks for, while this process has but one thread."""
    asked = order["perturbations"]
    if asked.get("cpu_quota"):
        from flakeproof_worker.perturb import cpu_quota

        alone = order["isolation"] == "shared" and order["target"]["kind"] != "command"
        cpu_quota.limit(asked["cpu_quota"], order["lanes"], alone=alone)  # its keeper shares none of the rest
    if asked.get("cpus"):
        pin(asked["cpus"])
    if asked.get("nice"):
        os.nice(asked["nice"])
        be_nice_as_a_session()


def pin(count: int) -> None:
    """Run on `count` of the CPUs that are allowed from now on: those with the lowest numbers, for every process."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def be_nice_as_a_session(pid: int | None = None) -> None:
    """Have the session of the process `pid`, or ours, be as nice as this process is.

    Where the kernel schedules whole sessions (autogroup, sched(7)), niceness has no effect beyond the own one. It
    lets an ordinary user change that but ten times a second.
    """
    path = f"/proc/{pid or os.getpid()}/autogroup"
    with suppress(OSError):  # it schedules processes, or this is one time too many
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, b"%d" % os.getpriority(os.PRIO_PROCESS, 0))
        finally:
            os.close(descriptor)
