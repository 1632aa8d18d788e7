"""Conversations over TCP, made of Scapy's packets, and a reading of them by Scapy and sets of bytes alone.

The reading is slow and simple on purpose: it shares no code with the tracker and keeps every byte by itself.
"""

import warnings
from dataclasses import dataclass, field

from hypothesis import strategies

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what Scapy imports
    from scapy.layers.inet import IP, TCP
    from scapy.layers.inet6 import IPv6

__all__ = ["IP", "STEP", "TCP", "Conversation", "Reading", "Side", "conversations", "read"]

STEP = 1_000
"""Nanoseconds between two packets."""


@dataclass
class Side:
    """What one side of a conversation knows while it is made."""

    isn: int
    sent: int = 0
    """Sequence numbers that are used up."""
    heard: int = 0
    """Up to which it acknowledges what the other side has sent."""
    has_fin: bool = False
    segments: list[tuple[int, int, str]] = field(default_factory=list)
    """Start, length and flags of what it has sent."""
    window: int = 1000


@dataclass
class Conversation:
    """Packets, with the time of each."""

    v6: bool
    stamped: bool
    sides: tuple[Side, Side]
    packets: list[tuple[int, bytes]] = field(default_factory=list)
    hidden: set[int] = field(default_factory=set)
    """Numbers of packets that the capture has lost."""

    def send(self, who: int, start: int, flags: str, length: int = 0, *, hidden: bool = False) -> None:
        """Have side `who` send a segment that begins `start` after its initial sequence number."""
        side, other = self.sides[who], self.sides[1 - who]
        time = (len(self.packets) + len(self.hidden) + 1) * STEP
        options: list[tuple[str, object]] = [("WScale", 2)] if "S" in flags else []
        if self.stamped:
            # A tick every third packet, so that copies sometimes share one.
            options += [("NOP", None), ("NOP", None), ("Timestamp", (time // STEP // 3, self.echo(who)))]
        tcp = TCP(
            sport=(40000, 80)[who],
            dport=(80, 40000)[who],
            flags=flags,
            seq=(side.isn + start) % 2**32,
            ack=(other.isn + side.heard) % 2**32 if "A" in flags else 0,
            window=side.window,
            options=options,
        )
        addresses = ("10.0.0.1", "10.0.0.2") if not self.v6 else ("fd00::1", "fd00::2")
        layer = (IPv6 if self.v6 else IP)(src=addresses[who], dst=addresses[1 - who])
        if hidden:
            self.hidden.add(time)
        else:
            self.packets.append((time, bytes(layer / tcp / (b"x" * length))))

    def echo(self, who: int) -> int:
        """The time stamp of the other side that `who` echoes: of the newest packet that was captured."""
        for _, data in reversed(self.packets):
            tcp = (IPv6 if self.v6 else IP)(data)[TCP]
            if tcp.sport == (80, 40000)[who]:
                return int(dict(tcp.options)["Timestamp"][0])
        return 0

    def do(self, action: str, who: int, size: int) -> None:
        """One thing that a side does, or that the network does to it."""
        side, other = self.sides[who], self.sides[1 - who]
        if action in ("data", "lost") and not side.has_fin:
            side.segments.append((side.sent, size, "PA"))
            self.send(who, side.sent, "PA", size, hidden=action == "lost")
            side.sent += size
        elif action == "swapped" and not side.has_fin:
            for start in (side.sent + size, side.sent):
                side.segments.append((start, size, "PA"))
                self.send(who, start, "PA", size)
            side.sent += 2 * size
        elif action == "again" and side.segments:
            start, length, flags = side.segments[-1 - size % len(side.segments)]
            self.send(who, start, flags, length)
        elif action == "longer" and side.segments and not side.has_fin:
            start, length, _ = side.segments[-1]  # what was sent last, once more and with more behind it
            if start + length == side.sent and start:
                self.send(who, start, "PA", length + size)
                side.segments[-1] = (start, length + size, "PA")
                side.sent += size
        elif action == "ack":
            side.heard = other.sent
            self.send(who, side.sent, "A")
        elif action == "zero":
            side.window = 0 if side.window else 1000
            self.send(who, side.sent, "A")
        elif action == "fin" and not side.has_fin:
            side.has_fin = True
            side.segments.append((side.sent, size, "FA"))
            self.send(who, side.sent, "FA", size)
            side.sent += size + 1


_ACTIONS = ("data", "data", "ack", "ack", "again", "swapped", "lost", "longer", "zero", "fin")


@strategies.composite
def conversations(draw: strategies.DrawFn) -> Conversation:
    """Any conversation: with loss, copies, reordering, numbers that wrap, simultaneous open and close."""
    near = strategies.integers(2**32 - 40, 2**32 - 1) | strategies.integers(0, 2**32 - 1)
    made = Conversation(draw(strategies.booleans()), draw(strategies.booleans()), (Side(draw(near)), Side(draw(near))))
    for _ in range(draw(strategies.integers(1, 2))):
        made.send(0, 0, "S")
    simultaneous = draw(strategies.booleans())
    if simultaneous:
        made.send(1, 0, "S")
        made.sides[0].heard = 1
        made.send(0, 0, "SA")
    made.sides[1].heard = 1
    made.send(1, 0, "SA")
    for side in made.sides:
        side.sent = side.heard = 1
    made.send(0, 1, "A")
    steps = strategies.tuples(strategies.sampled_from(_ACTIONS), strategies.integers(0, 1), strategies.integers(1, 30))
    for action, who, size in draw(strategies.lists(steps, max_size=25)):
        made.do(action, who, size)
    if draw(strategies.booleans()):
        who = draw(strategies.integers(0, 1))
        made.send(who, made.sides[who].sent, draw(strategies.sampled_from(("R", "RA"))))
    return made


@dataclass
class Reading:
    """What is to be known of one side."""

    data: int = 0
    sent_again: int = 0
    bytes_sent_again: int = 0
    late: int = 0
    not_seen: int = 0
    zero_windows: int = 0
    round_trips: list[int] = field(default_factory=list)
    fin_at: int | None = None
    rst_at: int | None = None


def read(packets: list[tuple[int, bytes]], isns: tuple[int, int], *, v6: bool) -> tuple[Reading, Reading]:
    """Read `packets` with Scapy; `isns` are the initial sequence numbers."""
    parsed = [(time, (IPv6 if v6 else IP)(data)[TCP]) for time, data in packets]
    return _reading(parsed, 40000, isns), _reading(parsed, 80, isns[::-1])


def _reading(parsed: list[tuple[int, TCP]], port: int, isns: tuple[int, int]) -> Reading:
    found, seen, gone = Reading(), set[int](), set[int]()
    acknowledged, window = 0, 1000
    timed: dict[str, object] | None = None
    for time, tcp in parsed:
        flags = str(tcp.flags)
        if tcp.sport != port:
            if "A" not in flags:
                continue
            ack = (tcp.ack - isns[0]) % 2**32
            if ack <= acknowledged:
                continue
            acknowledged = ack
            missing = set(range(ack)) - seen - gone
            gone |= missing
            highest = max(seen | gone, default=-1) + 1
            if missing and max(missing) == highest - 1:
                timed = None  # it is acknowledged beyond what was seen
            if timed is not None and ack >= timed["end"]:
                _measure(found, timed, time, tcp)
                timed = None
            continue
        if "R" in flags:
            found.rst_at = found.rst_at or time
            continue
        if "S" not in flags:
            found.zero_windows += tcp.window == 0 and window != 0
        window = tcp.window
        start = (tcp.seq - isns[0]) % 2**32
        payload = len(tcp.payload)
        numbers = set(range(start, start + payload + ("S" in flags) + ("F" in flags)))
        if not numbers:
            continue
        known, highest = seen | gone, max(seen | gone, default=-1) + 1
        end = max(numbers) + 1
        if "S" in flags and numbers <= known:
            timed = _sent_again(timed, numbers, time, tcp, acknowledged)
            continue
        if "F" in flags and found.fin_at is None:
            found.fin_at = time
        if start >= highest:
            holes = set(range(start)) - known
            timed = None if start > highest else timed
            if timed is None and not holes:
                timed = {"start": start, "end": end, "sent": {_stamp(tcp): time}}
        else:
            if (numbers - known) & set(range(highest)):
                found.late += 1
            elif not (len(numbers) == 1 and start == acknowledged - 1 and "F" not in flags):
                found.sent_again += 1
                fins = {end - 1} if "F" in flags and end <= highest else set()
                found.bytes_sent_again += len((numbers & set(range(highest))) - fins)
            timed = _sent_again(timed, numbers, time, tcp, acknowledged)
        seen |= numbers - gone
    found.not_seen = len(gone)
    found.data = len(seen) - 1 - (found.fin_at is not None)
    return found


def _stamp(tcp: TCP) -> int | None:
    return next((value[0] for name, value in tcp.options if name == "Timestamp"), None)


def _sent_again(
    timed: dict[str, object] | None, numbers: set[int], time: int, tcp: TCP, acknowledged: int
) -> dict[str, object] | None:
    """What is being measured, after `numbers` were sent once more: Karn, and time stamps that tell copies apart."""
    if timed is None or min(numbers) >= timed["end"] or max(numbers) < acknowledged:  # type: ignore[operator]
        return timed
    whole = set(range(timed["start"], timed["end"])) <= numbers  # type: ignore[call-overload]
    stamp, sent = _stamp(tcp), timed["sent"]
    if whole and stamp is not None and stamp not in sent:  # type: ignore[operator]
        sent[stamp] = time  # type: ignore[index]
        return timed
    return None


def _measure(found: Reading, timed: dict[str, object], time: int, tcp: TCP) -> None:
    sent: dict[int | None, int] = timed["sent"]  # type: ignore[assignment]
    echo = next((value[1] for name, value in tcp.options if name == "Timestamp"), None)
    if len(sent) == 1:
        found.round_trips.append(time - min(sent.values()))
    elif echo in sent:
        found.round_trips.append(time - sent[echo])
