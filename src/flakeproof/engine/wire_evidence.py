"""What the packets of a failed trial say, as a part of the record of its failure."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from flakeproof.engine.messages import NetworkDid, PacketsSeen
from flakeproof.engine.network_words import dose, fault_lines, resets_of
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
        try:
            if seen is not None:
                lines += [*_told(seen, capture, resets_of(did)), *dose(self._network, seen)]
            if did is not None:
                lines += fault_lines(did)
        except (OSError, NotACaptureError) as error:
            lines += [f"the packets cannot be told: {error}"]
        wire: dict[str, object] = {"lines": lines}
        if capture is not None and self._kept < _CAPTURES:
            self._kept += 1
            wire["capture"] = f"{capture.parent.name}/{capture.name}"
        elif capture is not None:
            capture.unlink(missing_ok=True)
        return msgspec.structs.replace(failure, details={**failure.details, "wire": wire})


def _told(seen: PacketsSeen, capture: Path | None, resets: Sequence[tuple[str, str]]) -> Iterator[str]:
    if capture is None:
        yield f"no packets: {seen.missing}"
        return
    tracker = Tracker()
    tracker.feed_all(pcap.read(capture))
    if seen.dropped:
        yield f"{plural(seen.dropped, 'packet')} found no room and were not seen: what follows may lack things"
    told = stories(tracker.connections, None if seen.dropped else seen.over_unread, resets)
    if not told:
        yield "no TCP connection was made"
        return
    yield from connection_lines(told)


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
