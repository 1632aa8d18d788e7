"""Captures of packets as files: the format of tcpdump and Wireshark, read and written.

Source: https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-04.html (classic pcap, times in micro- or nanoseconds).
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from flakeproof.net.packets.headers import LINK_RAW

_NANOSECONDS, _MICROSECONDS = 0xA1B2_3C4D, 0xA1B2_C3D4
_NEW_FORMAT = 0x0A0D_0D0A
_LARGEST = 1 << 28
"""Bytes of a packet: what says that it is longer is no capture."""
_SNAP = 262_144


class Packet(NamedTuple):
    """A packet of a capture."""

    time: int
    """Nanoseconds since 1970."""
    data: bytes
    length: int
    """Bytes on the wire, of which `data` may hold only the first."""
    link: int = LINK_RAW
    """Link type: what `data` begins with."""


class NotACaptureError(ValueError):
    """The file is not a capture that can be read."""


def read(path: Path) -> Iterator[Packet]:
    """The packets of a capture; what is cut off at its end is left out.

    Raises OSError, and NotACaptureError for another format.
    """
    with path.open("rb") as file:
        yield from _packets(file, path)


def _packets(file: IO[bytes], path: Path) -> Iterator[Packet]:
    head = file.read(24)
    for order in "<>":
        magic = struct.unpack(f"{order}I", head[:4].ljust(4, b"\0"))[0]
        if magic in (_NANOSECONDS, _MICROSECONDS) and len(head) == 24:
            break
    else:
        if head[:4] == _NEW_FORMAT.to_bytes(4):
            raise NotACaptureError(f"{path} is pcapng; make it pcap: editcap -F nsecpcap {path} OTHER.pcap")
        raise NotACaptureError(f"{path} is no capture in the format pcap")
    unit = 1 if magic == _NANOSECONDS else 1000
    link = struct.unpack(f"{order}I", head[20:])[0] & 0xFFFF
    record = struct.Struct(f"{order}IIII")
    while len(head := file.read(16)) == 16:
        seconds, fraction, held, length = record.unpack(head)
        if held > _LARGEST:
            raise NotACaptureError(f"{path} is damaged: it has a packet of {held} bytes")
        data = file.read(held)
        if len(data) < held:
            return
        yield Packet(seconds * 1_000_000_000 + fraction * unit, data, length, link)


def write(path: Path, packets: Iterable[Packet]) -> int:
    """Write `packets`, which must be of one link type; how many there were. Raises OSError, ValueError."""
    count, link = 0, None
    with path.open("wb") as file:
        for packet in packets:
            if link is None:
                link = packet.link
                file.write(header(link))
            elif link != packet.link:
                raise ValueError(f"a capture has one link type, and these are of {link} and {packet.link}")
            seconds, rest = divmod(packet.time, 1_000_000_000)
            file.write(struct.pack("<IIII", seconds, rest, len(packet.data), packet.length) + packet.data)
            count += 1
        if link is None:
            file.write(header(LINK_RAW))
    return count


def header(link: int) -> bytes:
    """What a capture begins with whose times are in nanoseconds."""
    return struct.pack("<IHHiIII", _NANOSECONDS, 2, 4, 0, 0, _SNAP, link)
