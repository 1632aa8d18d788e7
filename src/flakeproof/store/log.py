"""The append-only log of a run (`events.jsonl`): the truth that everything else can be rebuilt from.

It is a fault domain of its own: when the disk is full or gone, the run goes on and says so once.
"""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import msgspec

from flakeproof.events import AnyEvent, Progressed, RunEnded, RunStarted, TrialFailed, TrialsPassed

LOG_NAME = "events.jsonl"
SPEC_NAME = "spec.json"
RUNNING_NAME = "running"
SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes after which single events are not written any more; counts go on to be written, as batches."""
_FULL_FAILURES = 1000
"""Failures written with output and frames; later ones are written without, and from SIZE_LIMIT on only counted."""
_BATCH = 512
"""Batches of passed trials are merged until there are so many, or something else happens."""


class LogWriter:
    """Sink that writes every event but progress."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._folder = folder
        self._written = 0
        self._unwritten_failures = 0
        self._batches: dict[int, tuple[int, dict[int, int], int]] = {}
        self._encode = msgspec.json.Encoder().encode
        self._file: BinaryIO | None = None
        self._guarded(self._open)

    def __call__(self, event: AnyEvent) -> None:
        """Write `event`, or merge it into a batch."""
        match event:
            case Progressed():
                return
            case TrialsPassed():
                self._merge(event)
                return
            case RunStarted():
                self._guarded(partial(self._write_spec, event))
            case TrialFailed():
                if self._written > SIZE_LIMIT:
                    self._unwritten_failures += 1
                    return
                event = self._trimmed(event)
        self._flush_batches()
        self._write(event)
        if isinstance(event, RunEnded):
            self.close()

    def close(self) -> None:
        """Write what is held back and close the file; may be called twice."""
        self._flush_batches()
        if self._file is not None:
            self._guarded(self._file.close)
            self._file = None
        (self._folder / RUNNING_NAME).unlink(missing_ok=True)

    def _open(self) -> None:
        (self._folder / RUNNING_NAME).write_text(str(os.getpid()))
        self._file = (self._folder / LOG_NAME).open("ab", buffering=1 << 16)

    def _write_spec(self, event: RunStarted) -> None:
        (self._folder / SPEC_NAME).write_bytes(msgspec.json.format(self._encode(event.spec)) + b"\n")

    def _trimmed(self, event: TrialFailed) -> TrialFailed:
        if event.number <= _FULL_FAILURES:
            return event
        bare = msgspec.structs.replace(event.failure, details={}, output="")
        return msgspec.structs.replace(event, failure=bare)

    def _merge(self, event: TrialsPassed) -> None:
        count, buckets, merged = self._batches.get(event.process, (0, {}, 0))
        for bucket, number in event.durations:
            buckets[bucket] = buckets.get(bucket, 0) + number
        self._batches[event.process] = (count + event.count, buckets, merged + 1)
        if merged >= _BATCH:
            self._flush_batches()

    def _flush_batches(self) -> None:
        batches, self._batches = self._batches, {}
        for process, (count, buckets, _) in batches.items():
            self._write(TrialsPassed(process=process, count=count, durations=sorted(buckets.items())))

    def _write(self, event: AnyEvent) -> None:
        file = self._file
        if file is None:
            return
        data = self._encode(event) + b"\n"
        self._written += len(data)
        self._guarded(lambda: file.write(data))
        if isinstance(event, TrialFailed | RunStarted) and self._file is not None:
            self._guarded(file.flush)

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            if self._file is not None or self._written == 0:
                self._warn(f"the log {self._folder / LOG_NAME} cannot be written any more: {error}; the run goes on")
            self._file = None


def read_events(folder: Path) -> Iterator[AnyEvent]:
    """Events of a run, in order; a last line that was cut off by a crash is left out."""
    decode = msgspec.json.Decoder(AnyEvent).decode
    with (folder / LOG_NAME).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield decode(line)
