"""What the faults of a network have done, in words: to the packets of one trial, and of all."""

from collections.abc import Iterator, Mapping

from flakeproof.engine.messages import FaultOfPacket, NetworkDid, PacketsSeen
from flakeproof.net.packets.headers import ACK, FIN, SYN
from flakeproof.net.packets.words import duration, size
from flakeproof.perturbations.network import amount_of, written_network
from flakeproof.text import number, percent, plural
from flakeproof_worker.shared.network_faults import read_faults

_WORDS = {
    "lost": "lost",
    "reset": "replaced by RST to both ends",
    "reordered": "not delayed",
    "no room": "dropped for want of room",
}
_SHARES = {"lost": "loss", "reset": "rst", "reordered": "reorder"}
_TOLD = 6
"""Faults that are told one by one."""


def relay_note(counts: Mapping[str, int], asked: str | None) -> str:
    """What a relay has done in a run with the faults `asked` for, with the dose that was given; "" if none was."""
    faults = read_faults(asked)
    if not counts or asked is None or faults is None:
        return ""
    total = counts.get("packets", 0)
    past = f"; {plural(counts['by'], 'packet')} over ::1 went past it, unchanged" if counts.get("by") else ""
    if not total:
        return f"--network {written_network(asked)}: no test has sent a packet to 127.0.0.1{past}"
    parts = [f"of {plural(total, 'packet')}"]
    if faults.delay or faults.bandwidth:
        passed = counts.get("passed", 0)
        mean = duration(counts.get("late", 0) // passed) if passed else "unknown"
        wanted = f" (asked: {amount_of('delay', faults.delay)})" if faults.delay else ""
        parts.append(f"those passed on took {mean} on average{wanted}")
    for what, name in _SHARES.items():
        if share := getattr(faults, name):
            count = counts.get(what, 0)
            parts.append(
                f"{number(count)} ({percent(count, total)}) were {_WORDS[what]} (asked: {amount_of(name, share)})"
            )
    if faults.bandwidth:
        parts.append(f"{number(counts.get('no room', 0))} were {_WORDS['no room']}")
    said = f"a relay of flakeproof's passed on what went to 127.0.0.1 (TUN): {', '.join(parts)}{past}"
    if unseen := counts.get("unseen", 0):
        said += f"; {plural(unseen, 'packet')} found no room in its queue, which nobody has asked for"
    return said


def dose(asked: str | None, seen: PacketsSeen) -> Iterator[str]:
    """What the packets themselves say of the delay that was `asked` for, by the kernel's time stamps."""
    faults = read_faults(asked)
    if faults is None or not faults.delay or seen.one_way is None:
        return
    asked_for = amount_of("delay", faults.delay)
    if faults.jitter:
        asked_for += f" ± {amount_of('jitter', faults.jitter)}"
    yield (
        f"the network: {asked_for} of delay asked for; packets took {duration(seen.one_way)} "
        f"(median of {number(seen.crossed)}, by the kernel's time stamps)"
    )


def resets_of(did: NetworkDid | None) -> list[tuple[str, str]]:
    """The ends between which the network has sent RST in place of a packet."""
    return [(fault.from_, fault.to) for fault in did.faults if fault.what == "reset"] if did is not None else []


def fault_lines(did: NetworkDid) -> Iterator[str]:
    """What the network did to single packets, and how long after the first one."""
    if did.missing:
        yield f"what the network did to its packets is not known: {did.missing}"
        return
    first = did.began or 0
    told = [fault for fault in did.faults if fault.what != "reordered"] or did.faults
    for fault in told[:_TOLD]:
        yield f"the network: {_of_packet(fault)} {_DID[fault.what]} after {duration(max(0, fault.at - first))}"
    left = sum(count for what, count in did.counts.items() if what in _WORDS) - len(told[:_TOLD])
    if left > 0:
        yield f"the network: {plural(left, 'more packet')} with such a fate"


_DID = {what: f"was {word}" for what, word in _WORDS.items()}


def _of_packet(fault: FaultOfPacket) -> str:
    names = [name for bit, name in ((SYN, "SYN"), (FIN, "FIN")) if fault.flags & bit]
    what = ", ".join([*names, *([size(fault.bytes)] if fault.bytes > 0 else [])])
    if not what:
        what = "ACK" if fault.flags & ACK else "a packet"
    return f"{what} from {fault.from_} to {fault.to} ({fault.protocol})"
