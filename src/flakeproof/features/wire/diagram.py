"""The packets of a connection as a sequence diagram of lines."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from flakeproof.net.packets import Connection, Packet, SegmentReader
from flakeproof.net.packets.headers import ACK, FIN, RST, SYN, Segment, start_of_ip
from flakeproof.net.packets.words import size

_WIDTH = 46
"""Between the two ends."""
FIRST_SHOWN, LAST_SHOWN = 24, 12
"""Packets that are shown of a long connection."""
_MASK = 0xFFFF_FFFF


@dataclass(frozen=True)
class Arrow:
    """A packet from one end to the other."""

    at: int
    """Nanoseconds since 1970."""
    from_client: bool
    label: str


def arrows(connection: Connection, packets: Iterable[Packet]) -> list[Arrow]:
    """Those among the `packets` of a capture that are of `connection`, in their order."""
    reader = SegmentReader()
    found: list[Arrow] = []
    reached: dict[bool, int] = {}
    for packet in packets:
        start = start_of_ip(packet.link, packet.data)
        if start is None:
            continue
        segment = reader.read(packet.time, packet.data[start:], packet.length - start)
        if segment is None or not connection.began <= packet.time <= connection.last:
            continue
        if not _is_of(segment, connection):
            continue
        from_client = segment.key == connection.key
        found.append(Arrow(packet.time, from_client, _label(segment, from_client, reached)))
    return found


def _is_of(segment: Segment, connection: Connection) -> bool:
    half = (len(connection.key) - 4) // 2
    key = connection.key
    reverse = key[half:-4] + key[:half] + key[-2:] + key[-4:-2]
    return segment.key in (key, reverse)


def _label(segment: Segment, from_client: bool, reached: dict[bool, int]) -> str:
    flags, seq, length = segment.flags, segment.seq, segment.length
    words = [name for bit, name in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST")) if flags & bit]
    if length:
        words.append(size(length))
    if flags & ACK and not length and not flags & FIN:
        words.append("ACK")
    end = (seq + length + bool(flags & SYN) + bool(flags & FIN)) & _MASK
    before = reached.get(from_client)
    if end != seq and not flags & RST:
        if before is not None and (end - before - 1) & _MASK >= _MASK // 2:
            words.append("(again)")
        else:
            reached[from_client] = end
    if segment.window == 0 and not flags & RST:
        words.append("(window 0)")
    return ", ".join(words).replace(", (", " (") or "no flags"


def drawn(connection: Connection, packets: list[Arrow], began: int) -> Iterator[str]:
    """Lines: when each of the `packets` was seen, in milliseconds since `began` (nanoseconds), and an arrow."""
    yield f"{'ms':>12}  {'client':<{_WIDTH // 2}}{'server':>{_WIDTH // 2 + 2}}"
    shown: list[Arrow | None] = list(packets)
    if len(packets) > FIRST_SHOWN + LAST_SHOWN + 1:
        shown = [*packets[:FIRST_SHOWN], None, *packets[-LAST_SHOWN:]]
    for arrow in shown:
        if arrow is None:
            yield f"{'':>12}  │{f'{len(packets) - FIRST_SHOWN - LAST_SHOWN:,} more packets':^{_WIDTH}}│"
            continue
        at = f"{(arrow.at - began) / 1e6:.3f}"
        text = f" {arrow.label} "
        if arrow.from_client:
            yield f"{at:>12}  │──{text}{'─' * (_WIDTH - len(text) - 3)}>│"
        else:
            yield f"{at:>12}  │<{'─' * (_WIDTH - len(text) - 3)}{text}──│"
