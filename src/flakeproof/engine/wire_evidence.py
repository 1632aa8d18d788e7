"""What the packets of a failed trial say, as a part of the record of its failure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from flakeproof.engine.messages import NetworkDid, PacketsSeen
from flakeproof.engine.network_words import dose, fault_lines
from flakeproof.model import Failure
from flakeproof.net.packets import NotACaptureError, Tracker, pcap
from flakeproof.net.packets.words import Story, stories
from flakeproof.text import plural

_UNUSUAL, _USUAL = 6, 3
"""Connections that are told one by one."""
_CAPTURES = 100
"""Failures whose captures are kept."""


class WireEvidence:
    """Tells what the connections of failed trials did."""

    def __init__(self, network: str | None = None) -> None:
        """`network` is what was asked of it."""
        self._kept = 0
        self._network = network

    def of(self, failure: Failure, seen: PacketsSeen | None, did: NetworkDid | None = None) -> Failure:
        """The failure with what was `seen` of its packets, and what a network with faults `did` to them."""
        capture = Path(seen.file) if seen is not None and seen.file else None
        lines: list[str] = []
        began = None
        try:
            if seen is not None:
                told, began = _told(seen, capture, resets_of(did))
                lines += [*told, *dose(self._network, seen)]
            if did is not None:
                lines += fault_lines(did, began)
        except (OSError, NotACaptureError) as error:
            lines += [f"the packets cannot be told: {error}"]
        wire: dict[str, object] = {"lines": lines}
        if capture is not None and self._kept < _CAPTURES:
            self._kept += 1
            wire["capture"] = f"{capture.parent.name}/{capture.name}"
        elif capture is not None:
            capture.unlink(missing_ok=True)
        return msgspec.structs.replace(failure, details={**failure.details, "wire": wire})


def resets_of(did: NetworkDid | None) -> list[tuple[str, str]]:
    """The ends between which the network has sent RST in place of a packet."""
    return [(fault.from_, fault.to) for fault in did.faults if fault.what == "reset"] if did is not None else []


def _told(seen: PacketsSeen, capture: Path | None, resets: Sequence[tuple[str, str]]) -> tuple[list[str], int | None]:
    """What the connections did, and when the first packet was sent."""
    if capture is None:
        return [f"no packets: {seen.missing}"], None
    tracker = Tracker()
    packets = list(pcap.read(capture))
    tracker.feed_all(packets)
    began = packets[0].time if packets else None
    lines = []
    if seen.dropped:
        lines.append(f"{plural(seen.dropped, 'packet')} found no room and were not seen: what follows may lack things")
    told = stories(tracker.connections, None if seen.dropped else seen.over_unread, resets)
    return [*lines, *(connection_lines(told) if told else ["no TCP connection was made"])], began


def connection_lines(told: Sequence[Story]) -> Iterator[str]:
    """What is unusual first, a few of each kind; then how many are left."""
    odd = [story for story in told if story.unusual]
    even = [story for story in told if not story.unusual]
    for story in odd[:_UNUSUAL]:
        yield f"{story.head}: {'; '.join((*story.unusual, *story.usual))}"
    if len(odd) > _UNUSUAL:
        yield f"and {plural(len(odd) - _UNUSUAL, 'more connection')} with something unusual"
    for story in even[:_USUAL]:
        yield f"{story.head}: nothing unusual; {'; '.join(story.usual)}"
    if len(even) > _USUAL:
        yield f"and {plural(len(even) - _USUAL, 'more connection')} with nothing unusual"
