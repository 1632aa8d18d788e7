"""Report to the coordinator how trials ended: JSON lines over a socket, which also brings its messages."""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flakeproof_worker.shared import board
from flakeproof_worker.shared.durations import sketch
from flakeproof_worker.shared.private import json, time

if TYPE_CHECKING:
    from flakeproof_worker.sanitize.watch import TrialWatch

Message = dict[str, Any]
_CHUNK = 65536
_WITHOUT_WAITING = socket.MSG_DONTWAIT
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Channel:
    """The worker's end of the socket; `receive` blocks, `receive_ready` does not."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._partial = b""
        self._waiting: list[Message] = []
        self.at_end = False

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._sock.fileno()

    def send(self, message: Message) -> None:
        """Send one message whole; a lone surrogate, which no JSON reader takes, is sent as a question mark.

        Raises OSError when the other side is gone.
        """
        self._sock.sendall(_encode(message).encode(errors="replace") + b"\n")

    def close(self) -> None:
        """Close this process's copy of the socket; other processes keep theirs."""
        self._sock.close()

    def receive(self) -> Message | None:
        """Wait for the next message and return it; None when the socket is closed."""
        while not self._waiting:
            if self.at_end:
                return None
            self._take(self._sock.recv(_CHUNK))
        return self._waiting.pop(0)

    def receive_ready(self) -> list[Message]:
        """Every message that has arrived by now; check `at_end` afterwards."""
        while not self.at_end:
            try:
                self._take(self._sock.recv(_CHUNK, _WITHOUT_WAITING))
            except BlockingIOError:
                break
        ready, self._waiting = self._waiting, []
        return ready

    def _take(self, data: bytes) -> None:
        if not data:
            self.at_end = True
            return
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._waiting.extend(json.loads(line) for line in lines if line)


FLUSH_NANOSECONDS = 100_000_000
"""Passed trials are held back for at most this long."""

_FAILURES = {"failed", "timed out", "crashed"}


class Reporter:
    """Reports passed trials in batches, and every other trial at once."""

    def __init__(self, channel: Channel, words: memoryview, watch: "TrialWatch | None" = None) -> None:
        """`words` is the board of this process; `watch` has its sanitizers."""
        self._channel = channel
        self._words = words
        self._failed = 0
        self._watch = watch
        self._leases_done = 0
        self._last = time.perf_counter_ns()
        self.passed: list[int] = []
        """Durations (nanoseconds) of the trials that passed since the last batch."""
        self.numbers: list[int] = []
        """Their numbers, if the process has several trials in flight; otherwise their order implies the numbers."""
        self._items: dict[str, str] = {}
        self.evidence: list[Callable[[int], dict[str, Any]]] = []
        """More to be told of a trial that ended badly, by its number."""

    def due(self, now: int) -> bool:
        """Whether a batch has been held back for long enough at the monotonic time `now` (nanoseconds)."""
        return now - self._last > FLUSH_NANOSECONDS

    def lease_done(self, leases: int = 1) -> None:
        """Note that leases are used up; the next batch says so, which requests more."""
        self._leases_done += leases

    def passed_with(self, items: dict[str, str]) -> bool:
        """Note the `items` that did not simply pass in the next passed trial (skipped, say), with their outcomes.

        Returns whether they differ from the trial before; then the batch is worth sending soon.
        """
        if items == self._items:
            return False
        self.flush()
        self._items = items
        return True

    def flush(self) -> None:
        """Send the batch."""
        self._last = time.perf_counter_ns()
        if self._watch is not None and (seen := self._watch.tally.take()):
            self._channel.send({"type": "sighted", "seen": seen})
        if self.passed or self._leases_done:
            message: dict[str, Any] = {
                "type": "passed",
                "count": len(self.passed),
                "durations": list(sketch(self.passed).items()),
                "leases": self._leases_done,
            }
            if self._items:
                message["items"] = self._items
            if self.numbers:
                message["trials"] = _blocks(self.numbers)
            self.passed = []
            self.numbers = []
            self._leases_done = 0
            self._channel.send(message)

    def sighted(self, seen: list[dict[str, Any]]) -> None:
        """Note what the sanitizers saw in a child process that ran a trial."""
        if self._watch is not None:
            self._watch.tally.add(seen)

    def used(self, trial: int, used: dict[str, Any]) -> None:
        """Report what `trial` used outside its process (`footprint`), before the report on how it ended."""
        self._channel.send({"type": "used", "trial": trial, **used})

    def ended(self, trial: int, nanoseconds: int, *, outcome: str, **details: Any) -> None:
        """Report a trial that did not pass."""
        if self._watch is not None and "sights" not in details:
            details["sights"] = self._watch.sights_of(trial)
        if outcome in _FAILURES:
            for evidence in self.evidence:
                details |= evidence(trial)
        if (most := self._words[board.FAILURES]) and outcome in _FAILURES:
            self.flush()  # earlier passes must arrive before this failure, which may end the run
            self._failed += 1
            if self._failed >= most:
                self._words[board.STOP] = self._words[board.STOP] or 1
        self._channel.send({"type": "ended", "trial": trial, "outcome": outcome, "ns": nanoseconds, **details})


def _blocks(numbers: list[int]) -> list[tuple[int, int]]:
    """`numbers` as blocks of consecutive numbers: the first, and how many."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][0] + found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((number, 1))
    return found
