"""For each lane, the process that puts the faults of a network on the packets of its trials (`perturb/relay.py`)."""

import fcntl
import os
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

from flakeproof_worker.environment import RUN
from flakeproof_worker.lanes.spawn import spawn
from flakeproof_worker.shared.private import json

_LOWEST = 16
_CONVERSATION = 3
"""The relay's descriptor of its end of the socket."""
_PATIENCE = 20
"""Seconds that a relay gets to answer."""
_LARGEST = 1 << 16
_RELAY = os.path.abspath(f"{__file__}/../../perturb/relay.py")  # noqa: PTH100 - no pathlib here


class LaneRelays:
    """The relays of all lanes, and what they have done."""

    def __init__(self, lanes: int) -> None:
        self._ends: list[socket.socket] = []
        self._told: dict[int, dict[str, Any]] = {}
        self._totals: dict[str, int] = {}
        for _ in range(lanes):
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                environment = {RUN: os.environ.get(RUN, "")}
                words = [sys.executable, "-I", "-S", _RELAY, str(_CONVERSATION), str(os.getpid())]
                spawn(sys.executable, words, environment, 2, {theirs.fileno(): _CONVERSATION})
            with ours:  # a low number might be one that a new program gets
                high = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, _LOWEST)
            # A time limit of the socket itself: that of Python's would have the trial's process wait in vain.
            end = socket.socket(fileno=high)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _PATIENCE, 0))
            self._ends.append(end)

    def of(self, lane: int) -> socket.socket:
        """Where the process of the trial in `lane` hands its packets over."""
        return self._ends[lane]

    def disown(self) -> None:
        """In a copy of this process: keep nothing of it."""
        for end in self._ends:
            end.close()

    def ask(self, lane: int, trial: int) -> None:
        """The processes of `trial` in `lane` have ended: take down what became of its packets."""
        self._told = {trial: self._answer(lane, trial)}
        for name, count in self._told[trial].get("counts", {}).items():
            self._totals[name] = self._totals.get(name, 0) + count
        for name in ("by", "unseen"):
            self._totals[name] = self._totals.get(name, 0) + self._told[trial].get(name, 0)

    def evidence(self, trial: int) -> dict[str, Any]:
        """What a report says of the packets of a trial that has ended badly."""
        return {"network": self._told.get(trial, {})}

    def totals(self) -> dict[str, int]:
        """Packets of all trials since the last time, by what became of them."""
        totals, self._totals = self._totals, {}
        return totals

    def _answer(self, lane: int, trial: int) -> dict[str, Any]:
        end = self._ends[lane]
        with suppress(OSError, ValueError):
            end.send(b"ended")
            while said := end.recv(_LARGEST):
                if said.startswith(b"{"):  # else a trial ended before it had read that its packets pass
                    told: dict[str, Any] = json.loads(said)
                    if told.get("trial") == trial:
                        return told
                    return {"missing": "its process ended before its packets passed the relay"}
        return {"missing": "the relay of its packets has ended"}
