"""Tell the coordinator how trials ended: JSON lines over one socket, which also brings what it has to say."""

import socket
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
    """One end of the conversation; `receive` blocks, `receive_ready` does not."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._partial = b""
        self._waiting: list[Message] = []
        self.at_end = False

    def fileno(self) -> int:
        """Descriptor to wait on."""
        return self._sock.fileno()

    def send(self, message: Message) -> None:
        """Send one message whole; a lone surrogate, which no JSON reader takes, is sent as a question mark.

        Raises OSError when the other side is gone.
        """
        self._sock.sendall(_encode(message).encode(errors="replace") + b"\n")

    def close(self) -> None:
        """Leave the conversation to the other processes that hold this end of it."""
        self._sock.close()

    def receive(self) -> Message | None:
        """The next message, waited for; None at the end of the conversation."""
        while not self._waiting:
            if self.at_end:
                return None
            self._take(self._sock.recv(_CHUNK))
        return self._waiting.pop(0)

    def receive_ready(self) -> list[Message]:
        """Every message that is there now; look at `at_end` afterwards."""
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
    """Collects what has passed; sends the rest."""

    def __init__(self, channel: Channel, words: memoryview, watch: "TrialWatch | None" = None) -> None:
        """`words` are the board of this process, `watch` its sanitizers."""
        self._channel = channel
        self._words = words
        self._failed = 0
        self._watch = watch
        self._leases_done = 0
        self._last = time.perf_counter_ns()
        self.passed: list[int] = []
        """Durations (nanoseconds) of the trials that passed since the last batch."""
        self.numbers: list[int] = []
        """Their numbers, in a process that has several trials in flight; otherwise they follow from their order."""
        self._items: dict[str, str] = {}

    def due(self, now: int) -> bool:
        """Whether a batch has been held back for long enough at the monotonic time `now` (nanoseconds)."""
        return now - self._last > FLUSH_NANOSECONDS

    def lease_done(self, leases: int = 1) -> None:
        """Note that leases have been taken to their end; the next batch says so and is the request for more."""
        self._leases_done += leases

    def passed_with(self, items: dict[str, str]) -> bool:
        """Note in which way the next trial has passed: `items` did not simply pass.

        Tell whether that is another way than before; then it is worth sending soon.
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
        """Note what the sanitizers have seen in another process, which ran a trial for this one."""
        if self._watch is not None:
            self._watch.tally.add(seen)

    def used(self, trial: int, used: dict[str, Any]) -> None:
        """Report what `trial` reached for outside of its process, before how it ended."""
        self._channel.send({"type": "used", "trial": trial, **used})

    def ended(self, trial: int, nanoseconds: int, *, outcome: str, **details: Any) -> None:
        """Report a trial that did not pass."""
        if self._watch is not None and "sights" not in details:
            details["sights"] = self._watch.told(trial)
        if (most := self._words[board.FAILURES]) and outcome in _FAILURES:
            self.flush()  # what passed before this failure has to arrive before it: the run may be over with it
            self._failed += 1
            if self._failed >= most:
                self._words[board.STOP] = self._words[board.STOP] or 1
        self._channel.send({"type": "ended", "trial": trial, "outcome": outcome, "ns": nanoseconds, **details})


def _blocks(numbers: list[int]) -> list[tuple[int, int]]:
    """`numbers` as runs of consecutive ones: the first, and how many."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][0] + found[-1][1]:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((number, 1))
    return found
