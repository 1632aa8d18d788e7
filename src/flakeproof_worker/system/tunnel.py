"""Have all packets to 127.0.0.0/8 in the network of this process pass a descriptor, on which a relay reads and writes.

A TUN device takes their way: what is sent to loopback is routed to it, and what the relay writes into it is delivered
as what arrives from outside. Programs and sockets notice nothing. That takes the capability CAP_NET_ADMIN in the
network, which whoever made it has, and /dev/net/tun.

IPv6 does not permit ::1 on any other interface (RFC 4291, 2.5.3), so that what is sent there stays on loopback;
`passed_by` counts it.

Sources: Documentation/networking/tuntap.rst and ip-sysctl.rst of Linux, netdevice(7), rtnetlink(7).
"""

import fcntl
import os
import socket
import struct
from typing import Final

DEVICE: Final = "flakeproof0"
MTU: Final = 1500
"""Bytes of a packet, as on Ethernet; loopback has 65,536."""
_QUEUE = 20_000
"""Packets that may wait for the relay."""
_TUN, _TUNSETIFF = "/dev/net/tun", 0x4004_54CA  # include/uapi/linux/if_tun.h
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_IFF_UP = 1
_SET_LINK, _NEW_ROUTE, _NEW_RULE, _DELETE_RULE = 19, 24, 32, 33  # include/uapi/linux/rtnetlink.h
_REQUEST, _ACKNOWLEDGE, _CREATE = 1, 4, 0x400  # include/uapi/linux/netlink.h
_ERROR = 2
_LINK_MTU, _LINK_QUEUE = 4, 13  # include/uapi/linux/if_link.h
_TABLE, _TABLE_LOCAL = 100, 255
_ATTRIBUTE_TO_INTERFACE, _ATTRIBUTE_SOURCE, _ATTRIBUTE_DESTINATION = 4, 7, 1
_RULE_PRIORITY, _RULE_FROM_INTERFACE = 6, 3  # include/uapi/linux/fib_rules.h
_UNICAST, _STATIC, _SCOPE_LINK = 1, 4, 253
_TO_TABLE = 1
_SETTINGS = "/proc/sys/net/ipv4/conf"


def open_tunnel() -> int:
    """Lead the traffic of loopback through a descriptor, which is returned. Raises OSError.

    The network must be this process's own, and its loopback up. Closing the descriptor ends the tunnel; then nothing
    arrives any more.
    """
    try:
        tunnel = os.open(_TUN, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise OSError(
            error.errno, f"packets are delayed and lost by a TUN device, and {_TUN}: {error.strerror}"
        ) from None
    try:
        fcntl.ioctl(tunnel, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        _set_up()
        _reroute()
    except OSError as error:
        os.close(tunnel)
        raise OSError(error.errno, f"packets are delayed and lost by a TUN device: {error.strerror}") from None
    return tunnel


def passed_by(devices: int) -> tuple[int, int]:
    """How many packets have taken another way than the tunnel, and how many found no room in its queue.

    `devices` is a descriptor of the file /proc/self/net/dev of its network. Loopback counts nothing else there.
    """
    by, lost = 0, 0
    for line in os.pread(devices, 1 << 16, 0).decode().splitlines():
        name, _, counts = line.partition(":")
        if name.strip() == "lo":
            by = int(counts.split()[1])
        elif name.strip() == DEVICE:
            lost = int(counts.split()[11])
    return by, lost


def _set_up() -> None:
    _write(f"/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6", "1", needed=False)
    # Not by ioctl: there, the length of the queue takes a capability outside of the user namespace.
    link = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(DEVICE), _IFF_UP, _IFF_UP)
    for kind, value in ((_LINK_MTU, MTU), (_LINK_QUEUE, _QUEUE)):
        link += _attribute(kind, struct.pack("=I", value))
    with _rtnetlink() as kernel:
        _ask(kernel, _SET_LINK, link)
    for name in ("route_localnet", "accept_local"):
        _write(f"{_SETTINGS}/{DEVICE}/{name}", "1")
    for device in (DEVICE, "all"):
        _write(f"{_SETTINGS}/{device}/rp_filter", "0")


def _write(path: str, text: str, *, needed: bool = True) -> None:
    try:
        with open(path, "w") as file:  # noqa: PTH123 - pathlib is not imported into a worker
            file.write(text)
    except FileNotFoundError:  # a kernel without IPv6
        if needed:
            raise


def _reroute() -> None:
    """What is sent here is routed by a table of its own, what arrives by the table `local`, as before."""
    loopback = _attribute(_RULE_FROM_INTERFACE, b"lo\0")  # "from lo" is what is sent by this machine itself
    rule = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, _TABLE, 0, 0, _TO_TABLE, 0)
    local = struct.pack("=BBBBBBBBI", socket.AF_INET, 0, 0, 0, _TABLE_LOCAL, 0, 0, _TO_TABLE, 0)
    route = struct.pack("=BBBBBBBBI", socket.AF_INET, 8, 0, 0, _TABLE, _STATIC, _SCOPE_LINK, _UNICAST, 0)
    route += _attribute(_ATTRIBUTE_DESTINATION, bytes((127, 0, 0, 0)))
    route += _attribute(_ATTRIBUTE_TO_INTERFACE, struct.pack("=I", socket.if_nametoindex(DEVICE)))
    route += _attribute(_ATTRIBUTE_SOURCE, bytes((127, 0, 0, 1)))
    with _rtnetlink() as kernel:
        _ask(kernel, _NEW_ROUTE, route)
        _ask(kernel, _NEW_RULE, rule + _attribute(_RULE_PRIORITY, struct.pack("=I", 1)) + loopback)
        _ask(kernel, _NEW_RULE, local + _attribute(_RULE_PRIORITY, struct.pack("=I", 2)))
        _ask(kernel, _DELETE_RULE, local + _attribute(_RULE_PRIORITY, struct.pack("=I", 0)))


def _rtnetlink() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("=HH", length, kind) + value + bytes(-length % 4)


def _ask(kernel: socket.socket, kind: int, body: bytes) -> None:
    flags = _REQUEST | _ACKNOWLEDGE | (_CREATE if kind in (_NEW_ROUTE, _NEW_RULE) else 0)
    kernel.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
    answer = kernel.recv(4096)
    _, what, _, _, _, number = struct.unpack_from("=IHHIIi", answer)
    if what == _ERROR and number:
        raise OSError(-number, os.strerror(-number))
