"""What a worker process changes of its surroundings before anything of the user's is there: its network, its mounts.

Children inherit it, and it ends with the last of them, so that nothing has to be put back.
"""

import os
from collections.abc import Mapping
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
