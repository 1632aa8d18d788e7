"""How a worker process confines itself: its network and mounts, its CPUs and CPU quota, its niceness."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flakeproof_worker.shared.network_faults import NO_NETWORK
from flakeproof_worker.system import folders

if TYPE_CHECKING:
    import socket

_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
"""This range holds for IPv6, too, and each network namespace has its own (ip(7))."""
_FIRST_PORT = 32768
"""The first port of the range by default on Linux, so that only its size changes."""


def confine(order: Mapping[str, Any]) -> list[str]:
    """Enter the network and mounts that the coordinator's `order` asks for. Raises OSError if one is not permitted.

    Returns folders with limited space for temporary files, one for each lane, or a single one where trials share a
    process; none without `temp_space`.
    """
    asked = order["perturbations"]
    ports, room = asked.get("ports"), asked.get("temp_space")
    # For Python, functions are replaced; and where packets are to have faults, each trial has its own network.
    alone = asked.get("network") == NO_NETWORK and order["target"]["kind"] == "command"
    alone = alone or (order.get("private_network") and order["isolation"] == "shared")
    if not ports and not room and not alone:
        return []
    from flakeproof_worker.system import namespace

    if ports or alone:
        _have_own_network(ports)
        if reads_packets(order["target"]):
            _open_tap()
    rooms = _rooms(order, room) if room else []
    namespace.give_up_privileges()
    return rooms


@dataclass(frozen=True)
class Handing:
    """To whom the process of a trial hands its packets over."""

    trial: int
    seed: int
    watcher: "socket.socket | None" = None
    """Who is at the other end gets a tap of them."""
    relay: "socket.socket | None" = None
    """Who is at the other end puts the faults of a network on them."""


def have_private_network(
    asked: Mapping[str, Any], target: Mapping[str, Any] | None = None, handing: Handing | None = None
) -> None:
    """Give this process, which runs one trial, and its children a network of their own, under perturbations `asked`.

    Its packets are handed over as `handing` says; the `target` gets a tap, too, if it reads packets. Only while this
    process has a single thread. Raises OSError, which says what is not permitted.
    """
    from flakeproof_worker.system import namespace

    _have_own_network(asked.get("ports"))
    if handing is not None and handing.relay is not None:
        from flakeproof_worker.perturb import relay

        relay.hand_over(handing.relay, handing.trial, handing.seed, asked["network"])
    if handing is not None and handing.watcher is not None:
        from flakeproof_worker.system.packet_tap import hand_over

        hand_over(handing.watcher)
    if target is not None and reads_packets(target):
        _open_tap()
    namespace.give_up_privileges()


def reads_packets(target: Mapping[str, Any]) -> bool:
    """Whether the `target` looks at the packets of its network itself: a scenario that is asked to."""
    return bool(target["kind"] == "callable" and target["arguments"].get("monitor") == "packets")


def _open_tap() -> None:
    from flakeproof_worker.system.packet_tap import open_own

    open_own()


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
    """Apply the CPU quota, CPUs and niceness of the coordinator's `order`, while this process has a single thread."""
    asked = order["perturbations"]
    if asked.get("cpu_quota"):
        from flakeproof_worker.perturb import cpu_quota

        alone = order["isolation"] == "shared" and order["target"]["kind"] != "command"
        cpu_quota.limit(asked["cpu_quota"], order["lanes"], alone=alone)  # first: its keeper gets none of the others
    if asked.get("cpus"):
        pin(asked["cpus"])
    if asked.get("nice"):
        os.nice(asked["nice"])
        be_nice_as_a_session()


def pin(count: int) -> None:
    """From now on, run on `count` of the allowed CPUs: every process takes those with the lowest numbers."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def be_nice_as_a_session(pid: int | None = None) -> None:
    """Give the session of the process `pid`, or of this process, the nice value of this process.

    Where the kernel schedules whole sessions (autogroup, sched(7)), the nice value of a process has no effect outside
    its session. An ordinary user may change that of a session only ten times a second.
    """
    path = f"/proc/{pid or os.getpid()}/autogroup"
    with suppress(OSError):  # the kernel has no autogroups, or the limit of changes is reached
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, b"%d" % os.getpriority(os.PRIO_PROCESS, 0))
        finally:
            os.close(descriptor)
