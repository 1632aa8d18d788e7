"""The packets of each trial that is a process with a network of its own; those of a failed one are kept as a capture.

The process of the trial opens a tap in its network, while it may, and sends it here before it becomes the user's.
"""

import fcntl
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from flakeproof_worker.shared.private import json
from flakeproof_worker.system.packet_tap import PacketTap, Seen, closed_over_unread_data
from flakeproof_worker.system.vantage import ClientView

_MOST = 200_000
"""Packets of a trial that are kept: 40 MB; later ones count as dropped."""
_LOWEST = 16
_HEAD = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 101)  # pcap with nanoseconds, bare IP
_RECORD = struct.Struct("<IIII").pack


@dataclass
class _Lane:
    ours: socket.socket
    theirs: socket.socket
    trial: int = 0
    tap: PacketTap | None = None
    counters: int = -1
    packets: list[Seen] = field(default_factory=list)
    left_out: int = 0
    view: ClientView | None = None


class LaneTaps:
    """For each lane, the tap of the trial in it."""

    def __init__(self, lanes: int, folder: str, *, keeps_all: bool, through_tunnel: bool) -> None:
        """Captures are written into `folder`, which is made when there is one.

        With `keeps_all` there is one of each trial, with what is told of it beside it. With `through_tunnel` packets
        are seen twice, and one of these is kept.
        """
        self._through_tunnel = through_tunnel
        self._folder = folder
        self._keeps_all = keeps_all
        self._lanes = []
        for _ in range(lanes):
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            with theirs:  # a low number might be one that a new program gets
                high = fcntl.fcntl(theirs, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
            self._lanes.append(_Lane(ours, socket.socket(fileno=high)))

    def begin(self, lane: int, trial: int) -> None:
        """A trial begins in `lane`."""
        self._lanes[lane].trial = trial
        self._lanes[lane].view = ClientView() if self._through_tunnel else None

    def receiver(self, lane: int) -> socket.socket:
        """Where the process of the trial in `lane` sends its tap."""
        return self._lanes[lane].theirs

    def disown(self) -> None:
        """In a copy of this process: keep nothing of it."""
        for lane in self._lanes:
            lane.ours.close()
            lane.theirs.close()
            self._let_go(lane)

    def look(self) -> None:
        """Take what has come, so that the rings do not run full."""
        for lane in self._lanes:
            if lane.trial:
                self._collect(lane)

    def evidence(self, trial: int) -> dict[str, Any]:
        """What a report says of the packets of a trial that has ended badly."""
        for lane in self._lanes:
            if lane.trial == trial:
                return {"packets": self._told(lane)}
        return {}

    def end(self, lane: int, more: dict[str, Any]) -> None:
        """The trial in `lane` has been reported; `more` is told of it beside its packets."""
        if self._keeps_all and (trial := self._lanes[lane].trial):
            told = self._told(self._lanes[lane]) | more
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103
            with open(f"{self._folder}/trial-{trial}.json", "w") as file:  # noqa: PTH123
                file.write(json.dumps(told))
        self._receive(self._lanes[lane])  # of a trial that has ended before anybody looked
        self._let_go(self._lanes[lane])

    def _told(self, lane: _Lane) -> dict[str, Any]:
        self._collect(lane)
        if lane.tap is None:
            return {"missing": "its process ended before they could be seen"}
        told: dict[str, Any] = {
            "dropped": lane.tap.dropped + lane.left_out,
            "over_unread": closed_over_unread_data(lane.counters),
        }
        if lane.view is not None:
            told |= {"one_way": lane.view.one_way, "crossed": lane.view.crossed}
        path = f"{self._folder}/trial-{lane.trial}.pcap"
        try:
            os.makedirs(self._folder, exist_ok=True)  # noqa: PTH103 - pathlib is not imported into a worker
            with open(path, "wb") as file:  # noqa: PTH123
                file.write(_HEAD)
                for time, data, length, _ in lane.packets:
                    seconds, rest = divmod(time, 1_000_000_000)
                    file.write(_RECORD(seconds, rest, len(data), length) + data)
        except OSError as error:
            return {"missing": f"they could not be written: {error}"}
        return {**told, "file": path}

    def _collect(self, lane: _Lane) -> None:
        if lane.tap is None:
            self._receive(lane)
        if lane.tap is not None:
            seen = lane.tap.read()
            if lane.view is not None:
                seen = lane.view.of(seen)
            room = max(0, _MOST - len(lane.packets))
            lane.packets += seen[:room]
            lane.left_out += len(seen) - len(seen[:room])

    def _receive(self, lane: _Lane) -> None:
        if lane.tap is not None:
            return
        with suppress(BlockingIOError):
            _, descriptors, _, _ = socket.recv_fds(lane.ours, 16, 2)
            if len(descriptors) == 2:
                lane.tap, lane.counters = PacketTap(socket.socket(fileno=descriptors[0])), descriptors[1]

    def _let_go(self, lane: _Lane) -> None:
        if lane.tap is not None:
            lane.tap.close()
            os.close(lane.counters)
        lane.trial, lane.tap, lane.counters, lane.packets, lane.left_out = 0, None, -1, [], 0
