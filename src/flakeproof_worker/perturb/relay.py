"""A program that passes the packets of one trial after another on, with the faults of a network: ``relay.py SOCKET``.

Over the socket come, from the process of a trial, its tunnel (`system.tunnel`) with seed and faults, which is answered
when packets pass; and later, from the process that runs the trials, the question what became of its packets.

It is a process of its own, so that no trial waits for another one's packets, and none finds a thread or child that it
has not made.
"""

import ctypes
import heapq
import json
import os
import select
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

sys.path.insert(0, os.path.abspath(f"{__file__}/../../.."))  # noqa: PTH100 - we were started by path

from flakeproof_worker.perturb.fates import PacketFates
from flakeproof_worker.shared.network_faults import Faults, read_faults
from flakeproof_worker.system import process_tree, tunnel

_PR_SET_TIMERSLACK = 29  # prctl(2)
_LARGEST = 1 << 16
_AT_ONCE = 64
"""Packets that are taken before those that are due are passed on."""
_TOLD = 40
"""Faults that are told one by one."""
_PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP"}


@dataclass
class _Trial:
    number: int
    tunnel: int
    devices: int
    fates: PacketFates
    began: int | None = None
    """When its first packet was taken (nanoseconds since 1970)."""
    counts: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, Any]] = field(default_factory=list)
    waiting: list[tuple[float, int, int, list[bytes]]] = field(default_factory=list)

    def take(self) -> None:
        """Take the packets that were sent since."""
        for _ in range(_AT_ONCE):
            try:
                packet = os.read(self.tunnel, _LARGEST)
            except BlockingIOError:
                return
            if len(packet) < 20 or packet[0] >> 4 != 4:
                continue
            now_ns = time.monotonic_ns()
            if self.began is None:
                self.began = time.time_ns()
            fate = self.fates.of(packet, now_ns / 1e9)
            self.counts["packets"] = self.counts.get("packets", 0) + 1
            if fate.what != "passed":
                self.counts[fate.what] = self.counts.get(fate.what, 0) + 1
                if len(self.faults) < _TOLD:
                    self.faults.append({"what": fate.what, "at": time.time_ns(), **_told(packet)})
            if fate.packets:
                heapq.heappush(self.waiting, (fate.at, self.counts["packets"], now_ns, fate.packets))

    def pass_on(self) -> float | None:
        """Deliver what is due; return the seconds until the next packet is, None if none waits."""
        while self.waiting:
            left = self.waiting[0][0] - time.monotonic()
            if left > 0:
                return left
            _, _, taken, packets = heapq.heappop(self.waiting)
            for packet in packets:
                with suppress(BlockingIOError):
                    os.write(self.tunnel, packet)
            self.counts["passed"] = self.counts.get("passed", 0) + 1
            self.counts["late"] = self.counts.get("late", 0) + time.monotonic_ns() - taken
        return None

    def told(self) -> dict[str, Any]:
        """What became of its packets."""
        by, unseen = tunnel.passed_by(self.devices)
        told = {"trial": self.number, "began": self.began, "counts": self.counts, "faults": self.faults}
        return {**told, "by": by, "unseen": unseen}

    def close(self) -> None:
        """End the tunnel."""
        os.close(self.tunnel)
        os.close(self.devices)


def main(conversation: socket.socket) -> None:
    """Serve one trial after the other until the other end is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)
    trial: _Trial | None = None
    while True:
        timeout = trial.pass_on() if trial is not None else None
        watched = [conversation.fileno(), *([trial.tunnel] if trial is not None else [])]
        ready, _, _ = select.select(watched, [], [], timeout)
        if conversation.fileno() in ready:
            said, descriptors, _, _ = socket.recv_fds(conversation, _LARGEST, 2)
            if not said:
                return
            if descriptors:
                if trial is not None:  # nobody asked: its report is not wanted
                    trial.close()
                order = json.loads(said)
                faults = read_faults(order["faults"]) or Faults()
                opened, devices = descriptors
                trial = _Trial(order["trial"], opened, devices, PacketFates(faults, order["seed"]))
                conversation.send(b"passing")
            else:
                conversation.send(json.dumps(trial.told() if trial is not None else {}).encode())
                if trial is not None:
                    trial.close()
                trial = None
        elif trial is not None and trial.tunnel in ready:
            trial.take()


def hand_over(conversation: socket.socket, trial: int, seed: int, faults: str) -> None:
    """In the process of a trial, which has a network of its own: have the relay pass its packets from here on.

    Raises OSError.
    """
    opened = tunnel.open_tunnel()
    devices = os.open("/proc/self/net/dev", os.O_RDONLY | os.O_CLOEXEC)
    try:
        order = json.dumps({"trial": trial, "seed": seed, "faults": faults}).encode()
        socket.send_fds(conversation, [order], [opened, devices])
        if conversation.recv(16) != b"passing":
            raise OSError(0, "the relay of its packets has ended")
    finally:
        os.close(opened)
        os.close(devices)


def _told(packet: bytes) -> dict[str, Any]:
    start = (packet[0] & 15) * 4
    protocol = _PROTOCOLS.get(packet[9], str(packet[9]))
    ends = []
    for place, number in ((12, 0), (16, 2)):
        port = int.from_bytes(packet[start + number : start + number + 2]) if protocol in ("TCP", "UDP") else None
        address = socket.inet_ntoa(packet[place : place + 4])
        ends.append(address if port is None else f"{address}:{port}")
    head = {"TCP": (packet[start + 12] >> 4) * 4 if len(packet) > start + 12 else 0, "UDP": 8}.get(protocol, 8)
    kind = packet[start + 13] if protocol == "TCP" and len(packet) > start + 13 else 0
    return {"protocol": protocol, "from": ends[0], "to": ends[1], "bytes": len(packet) - start - head, "flags": kind}


if __name__ == "__main__":
    process_tree.die_with(int(sys.argv[2]))
    main(socket.socket(fileno=int(sys.argv[1])))
