"""Packets a second that the tracker follows, on one core. Usage: packets.py [PACKETS]

The bar counts processor time of this process, so that others on the machine matter little; what they take from the core
that two threads share they do take. The last column is a loop of Python beside it, which says how fast the machine is.
"""

import sys
import time
from collections.abc import Callable

from flakeproof.net.packets import Tracker

BAR = 200_000
_ADDRESSES = bytes((127, 0, 0, 1, 127, 0, 0, 1))
_ROUNDS = 5


def packet(ports: tuple[int, int], flags: int, seq: int, ack: int, size: int = 0) -> bytes:
    """A packet as loopback has it: IPv4 and TCP with time stamps."""
    head = bytes((0x45, 0)) + (52 + size).to_bytes(2) + bytes((0, 1, 0, 0, 64, 6, 0, 0)) + _ADDRESSES
    tcp = ports[0].to_bytes(2) + ports[1].to_bytes(2) + seq.to_bytes(4) + ack.to_bytes(4)
    return head + tcp + bytes((0x80, flags, 1, 0, 0, 0, 0, 0, 1, 1, 8, 10)) + bytes(8) + bytes(size)


def short_connections(count: int) -> list[bytes]:
    """Connections of eight packets, as `tcprtt` makes them: half of the packets open or close one."""
    made = []
    for number in range(count // 8):
        there = (1024 + number % 60_000, 80 + number // 60_000)
        back = there[::-1]
        made += [packet(there, 2, 1, 0), packet(back, 18, 9, 2), packet(there, 16, 2, 10)]
        made += [packet(there, 24, 2, 10, 3), packet(back, 16, 10, 5)]
        made += [packet(there, 17, 5, 10), packet(back, 17, 10, 6), packet(there, 16, 6, 11)]
    return made


def long_connection(count: int) -> list[bytes]:
    """One connection that sends data for ever: two segments, and what acknowledges them."""
    there, back = (5000, 80), (80, 5000)
    made = [packet(there, 2, 0, 0), packet(back, 18, 0, 1), packet(there, 16, 1, 1)]
    for number in range(count // 3):
        seq = 1 + 200 * number
        made += [packet(there, 24, seq, 1, 100), packet(there, 24, seq + 100, 1, 100), packet(back, 16, 1, seq + 200)]
    return made


def follow(packets: list[bytes]) -> float:
    """Packets in a second of processor time."""
    tracker = Tracker()
    start = time.process_time()
    now = 0
    for data in packets:
        now += 1000
        tracker.feed(now, data)
    return len(packets) / (time.process_time() - start)


def additions() -> float:
    """Additions in a second of processor time, as the measure of the machine."""
    start = time.process_time()
    total = 0
    for number in range(1_000_000):
        total += number
    return 1_000_000 / (time.process_time() - start)


def main() -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    made: list[tuple[str, Callable[[int], list[bytes]]]] = [
        ("connections of 8 packets", short_connections),
        ("one long connection", long_connection),
    ]
    for title, make in made:
        packets = make(count)
        rates = sorted(follow(packets) for _ in range(_ROUNDS))
        print(
            f"{title:<26} {rates[_ROUNDS // 2]:>9,.0f} packets/s (from {rates[0]:,.0f} to {rates[-1]:,.0f}; "
            f"bar {BAR:,}); additions: {additions() / 1e6:.0f} million/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
