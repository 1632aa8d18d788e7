"""Every TCP packet in the network of this process, with the kernel's time stamps: AF_PACKET with a ring in memory.

The kernel writes into the ring before it looks at a packet itself. So whoever has seen an effect of a packet, in an
answer or in TCP_INFO, finds the packet here. Nobody has to read meanwhile; what finds no room in the ring is counted.

It takes CAP_NET_RAW, which the user namespace of a private network brings with it. What has been opened can be handed
to another process, and holds the network with its counters until it is closed.

Sources: packet(7), Documentation/networking/packet_mmap.rst and filter.rst of Linux.
"""

import ctypes
import mmap
import os
import socket
import struct
from contextlib import suppress
from typing import Final

_ALL_PROTOCOLS: Final = 0x0003  # ETH_P_ALL, include/uapi/linux/if_ether.h
_SOL_PACKET: Final = 263  # include/linux/socket.h
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION = 5, 6, 10  # include/uapi/linux/if_packet.h
_TPACKET_V2: Final = 1
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35  # include/uapi/asm-generic/socket.h
_BLOCK, _FRAME = 1 << 16, 256
_BLOCKS: Final = 64
_FRAMES: Final = _BLOCKS * _BLOCK // _FRAME
"""Packets that the ring holds; it takes 4 MiB."""
_HELD: Final = 160
"""Bytes of a packet that are kept: the headers of IPv6 and TCP with all options, and some more."""
_HEADER = struct.Struct("=IIIHHII").unpack_from  # struct tpacket2_hdr, up to the time stamp
_TO_KERNEL = bytes(4)
_LOOPBACK_INDEX: Final = 1
"""Each network of Linux has its loopback interface first."""

_WAY: Final = 42
"""Where a frame has the direction of its packet: sll_pkttype, behind struct tpacket2_hdr."""
_OUTGOING: Final = 4

Seen = tuple[int, bytes, int, bool]
"""A packet: nanoseconds since 1970, its first bytes from the header of IP on, its length on the wire, and whether it is
just being sent: through a tunnel, it is seen once more when it arrives."""


def _filter() -> bytes:
    """Of each TCP packet one copy: on loopback the one that is sent, not that which arrives.

    Fragments and IPv6 with extension headers pass, too: where their TCP is cannot be said in the language of filters.
    """
    load_word, load_byte = 0x20, 0x30  # BPF_LD | BPF_ABS, include/uapi/linux/bpf_common.h
    equals, shift, done = 0x15, 0x74, 0x06
    ancillary = 0xFFFFF000  # SKF_AD_OFF
    packet_type, interface = ancillary + 4, ancillary + 8
    outgoing = 4
    steps = [
        (load_word, 0, 0, interface),
        (equals, 0, 2, _LOOPBACK_INDEX),
        (load_word, 0, 0, packet_type),
        (equals, 0, 13, outgoing),  # to the end: not taken
        (load_byte, 0, 0, 0),
        (shift, 0, 0, 4),
        (equals, 0, 2, 4),
        (load_byte, 0, 0, 9),
        (equals, 7, 8, socket.IPPROTO_TCP),
        (equals, 0, 7, 6),
        (load_byte, 0, 0, 6),
        *((equals, 4 - place, 0, kind) for place, kind in enumerate((socket.IPPROTO_TCP, 0, 43, 44))),
        (equals, 0, 1, 60),
        (done, 0, 0, _HELD),
        (done, 0, 0, 0),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


class PacketTap:
    """The packets of a network; those that are not read yet are in the ring."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        """Open one in the network of this process, or take one over that was opened by another process.

        Raises OSError.
        """
        self._socket = sock if sock is not None else _opened()
        self._ring = mmap.mmap(self._socket.fileno(), _BLOCKS * _BLOCK, mmap.MAP_SHARED)
        self._next = 0
        self._dropped = 0
        self._process = os.getpid()

    @property
    def dropped(self) -> int:
        """How many packets found no room."""
        with suppress(OSError):
            counted = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            self._dropped += struct.unpack("=II", counted)[1]  # reading it sets it back
        return self._dropped

    @property
    def is_ours(self) -> bool:
        """False in a copy of the process that has opened it: two readers of a ring would take from each other."""
        return self._process == os.getpid()

    def read(self) -> list[Seen]:
        """What has come since the last time, in its order."""
        ring, place = self._ring, self._next * _FRAME
        found = []
        while True:
            status, length, held, _, start, seconds, rest = _HEADER(ring, place)
            if not status & 1:  # TP_STATUS_USER
                break
            begin = place + start
            leaves = ring[place + _WAY] == _OUTGOING
            found.append((seconds * 1_000_000_000 + rest, ring[begin : begin + held], length, leaves))
            ring[place : place + 4] = _TO_KERNEL
            place += _FRAME
            if place == _BLOCKS * _BLOCK:
                place = 0
        self._next = place // _FRAME
        return found

    def close(self) -> None:
        """Let it go, and the network, if nobody else is in it."""
        self._ring.close()
        self._socket.close()


def _opened() -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    try:
        code = ctypes.create_string_buffer(_filter())
        program = struct.pack(
            "HxxxxxxP" if struct.calcsize("P") == 8 else "HxxP", len(code) // 8, ctypes.addressof(code)
        )
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        opened.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        opened.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V2)
        opened.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("=IIII", _BLOCK, _BLOCKS, _FRAME, _FRAMES))
        _bind(opened)
    except BaseException:
        opened.close()
        raise
    return opened


def _bind(sock: socket.socket) -> None:
    """To all interfaces, also those to come, for which Python's `bind` has no word; from here on packets arrive."""
    address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(_ALL_PROTOCOLS), 0, 0, 0, 0, b"")
    library = ctypes.CDLL(None, use_errno=True)
    if library.bind(sock.fileno(), address, len(address)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_own: PacketTap | None = None


def open_own() -> None:
    """Open the tap that code in this process may read. Raises OSError."""
    global _own
    _own = PacketTap()


def own() -> PacketTap | None:
    """The tap of this process; None without one, or where it is that of the process that this one is a copy of."""
    return _own if _own is not None and _own.is_ours else None


def hand_over(receiver: socket.socket) -> None:
    """Open a tap here and send it to whoever reads from the other end of `receiver`, with the counters of the network.

    Raises OSError.
    """
    tap = _opened()
    counters = os.open("/proc/self/net/netstat", os.O_RDONLY | os.O_CLOEXEC)
    try:
        socket.send_fds(receiver, [b"tap"], [tap.fileno(), counters])
    finally:
        os.close(counters)
        tap.close()


def closed_over_unread_data(counters: int) -> int | None:
    """How many connections were reset in a network because they were closed with data that nobody had read.

    `counters` is a descriptor of its file `netstat`; None if that does not tell. Source: TCPAbortOnClose in
    Documentation/networking/snmp_counter.rst of Linux.
    """
    with suppress(OSError, ValueError):
        lines = os.pread(counters, 1 << 16, 0).decode().splitlines()
        for names, values in zip(lines[::2], lines[1::2], strict=False):
            if names.startswith("TcpExt:"):
                return int(values.split()[names.split().index("TCPAbortOnClose")])
    return None
