"""From the bytes of a packet to its TCP segment: link layers, IPv4, IPv6 with extension headers, TCP with options.

Sources: RFC 791 (IPv4), RFC 8200 (IPv6), RFC 9293 (TCP), RFC 7323 (window scale, time stamps), IEEE 802.1Q (VLAN);
link types: https://www.tcpdump.org/linktypes.html.
"""

import struct
from typing import Final, NamedTuple

from flakeproof.net.packets.fragments import Fragments

FIN: Final = 1
SYN: Final = 2
RST: Final = 4
PSH: Final = 8
ACK: Final = 16

LINK_ETHERNET: Final = 1
LINK_RAW: Final = 101
"""Begins with the header of IP."""
_LINK_NULL, _LINK_LOOP, _LINK_SLL, _LINK_SLL2, _LINK_IPV4, _LINK_IPV6 = 0, 108, 113, 276, 228, 229
_RAW = {LINK_RAW, 12, 14, _LINK_IPV4, _LINK_IPV6}
_IP_TYPES = {0x0800, 0x86DD}
_VLAN_TYPES = {0x8100, 0x88A8, 0x9100}
_TCP = 6
_EXTENSIONS = {0, 43, 60, 135}  # hop-by-hop, routing, destination options, mobility
_FRAGMENT, _AUTHENTICATION = 44, 51

_IPV4 = struct.Struct("!BxHHHxB").unpack_from
_IPV6 = struct.Struct("!IHB").unpack_from
_TCP_HEADER = struct.Struct("!IIHH").unpack_from
_TWO_TIMES = struct.Struct("!II").unpack_from
_SHORT = struct.Struct("!H").unpack_from
_TIMES_ALONE = b"\x01\x01\x08\x0a"
"""Two bytes of padding and the head of a time-stamp option: how most systems begin the options of every segment."""


class Segment(NamedTuple):
    """A TCP segment."""

    key: bytes
    """Addresses of sender and receiver, their ports: 12 bytes for IPv4, 36 for IPv6."""
    seq: int
    ack: int
    flags: int
    window: int
    """As it stands in the header, not yet scaled."""
    length: int
    """Bytes of data on the wire, also where the capture was cut off before."""
    tsval: int | None
    """Time stamp of the sender (RFC 7323), and below the one that it echoes; None without that option."""
    tsecr: int | None
    scale: int | None
    """Window scale, of a segment with SYN; None without that option."""


class SegmentReader:
    """Reads packets, puts fragments together, and counts what it cannot read."""

    def __init__(self) -> None:
        self.fragments = Fragments()
        self.cut_off = 0
        """Packets of which the capture holds too little to tell their connection."""
        self.other = 0
        """Packets that are not TCP."""

    def read(self, time: int, data: bytes, length: int | None = None) -> Segment | None:
        """The segment in `data`, which begins with the header of IP; None where there is none to be told.

        `time` in nanoseconds, `length` of the packet in bytes where `data` is only its beginning.
        """
        try:
            first = data[0]
            if first == 0x45:  # IPv4 without options: nearly every one
                start = 20
            elif first >> 4 == 4:
                start = (first & 15) << 2
            elif first >> 4 == 6:
                return self._ipv6(time, data, length)
            else:
                self.other += 1
                return None
            _, total, name, fragment, protocol = _IPV4(data)
            if protocol != _TCP or start < 20:
                self.other += 1
                return None
            size = (total or length or len(data)) - start  # 0 where the kernel has not cut a large segment yet
            if fragment & 0x3FFF:
                offset, more = (fragment & 0x1FFF) << 3, bool(fragment & 0x2000)
                whole = self.fragments.take((data[12:20], name), time, offset, more, size, data[start:])
                if whole is None:
                    return None
                head, size = whole
                return _segment(data[12:20], head, 0, size)
            return _segment(data[12:20], data, start, size)
        except (IndexError, struct.error):
            self.cut_off += 1
            return None

    def _ipv6(self, time: int, data: bytes, length: int | None) -> Segment | None:
        _, size, kind = _IPV6(data)
        addresses = data[8:40]
        if len(addresses) < 32:
            raise IndexError
        if not size:  # a jumbogram, or what the kernel has not cut yet
            size = (length or len(data)) - 40
        start, end = 40, 40 + size
        while kind != _TCP:
            if kind in _EXTENSIONS:
                kind, start = data[start], start + 8 + (data[start + 1] << 3)
            elif kind == _AUTHENTICATION:
                kind, start = data[start], start + 8 + (data[start + 1] << 2)
            elif kind == _FRAGMENT:
                kind, place = data[start], _SHORT(data, start + 2)[0]
                name = data[start + 4 : start + 8]
                start += 8
                if place & 0xFFF9:
                    piece = ((addresses, name), time, place & 0xFFF8, bool(place & 1), end - start, data[start:])
                    whole = self.fragments.take(*piece, kind=kind)
                    if whole is None:
                        return None
                    data, end = whole
                    start, kind = 0, self.fragments.kind
            else:
                self.other += 1
                return None
        return _segment(addresses, data, start, end - start)


def _segment(addresses: bytes, data: bytes, start: int, size: int) -> Segment:
    """The segment of `size` bytes whose header is at `start` of `data`. Raises struct.error where that is cut off."""
    seq, ack, bits, window = _TCP_HEADER(data, start + 4)
    header = bits >> 12 << 2
    tsval = tsecr = scale = None
    if header > 20:
        options = start + 20
        if header == 32 and data[options : options + 4] == _TIMES_ALONE and len(data) >= options + 12:
            tsval, tsecr = _TWO_TIMES(data, options + 4)
        else:
            tsval, tsecr, scale = _options(data[options : start + header])
    key = addresses + data[start : start + 4]
    return Segment(key, seq, ack, bits & 0x3F, window, size - header if size > header else 0, tsval, tsecr, scale)


def _options(data: bytes) -> tuple[int | None, int | None, int | None]:
    """Time stamp, its echo and the window scale among the options `data`, which may be cut off or malformed."""
    tsval = tsecr = scale = None
    place = 0
    while place + 1 < len(data):
        kind, size = data[place], data[place + 1]
        if kind == 0:
            break
        if kind == 1:
            place += 1
            continue
        if size < 2 or place + size > len(data):
            break
        if kind == 8 and size == 10:
            tsval, tsecr = _TWO_TIMES(data, place + 2)
        elif kind == 3 and size == 3:
            scale = min(data[place + 2], 14)  # RFC 7323, section 2.3
        place += size
    return tsval, tsecr, scale


def start_of_ip(link: int, data: bytes) -> int | None:
    """Where in `data`, a packet of the link type `link`, the header of IP begins; None where it holds no IP.

    Raises ValueError for a link type that is not known.
    """
    if link in _RAW:
        return 0
    if link in (_LINK_NULL, _LINK_LOOP):
        return 4
    if link == LINK_ETHERNET:
        place = 12
    elif link == _LINK_SLL:
        place = 14
    elif link == _LINK_SLL2:
        return 20 if data[:2] in (b"\x08\x00", b"\x86\xdd") else None
    else:
        raise ValueError(f"link type {link} is not known")
    while len(data) >= place + 2:
        kind = _SHORT(data, place)[0]
        if kind in _IP_TYPES:
            return place + 2
        if kind not in _VLAN_TYPES:
            return None
        place += 4
    return None
