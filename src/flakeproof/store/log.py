"""The append-only log of a run (`events.jsonl`): the source from which everything else can be rebuilt.

It is a fault domain of its own: if the disk is full or gone, the run goes on and warns once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flakeproof.events import (
    AnyEvent,
    AnyRecord,
    Progressed,
    RunEnded,
    RunResumed,
    RunStarted,
    Settled,
    Sighted,
    TrialFailed,
    TrialLeaked,
    TrialLost,
    TrialsCounted,
    TrialSkipped,
    TrialsPassed,
)
from flakeproof.model import Failure, ItemOutcome, Outcome, SeenBySanitizer
from flakeproof.results.failure_positions import Ranges
from flakeproof.store.file import GrowingFile, as_json
from flakeproof.store.spec_file import without_values, write_spec

LOG_NAME = "events.jsonl"
SIZE_LIMIT = 32 * 1024 * 1024
"""Size (bytes) from which single trials are no longer written but counted; the counts are written at the end."""
_FULL_FAILURES = 1000
"""How many failures are written with output and frames; later ones only if they may become their kind's example."""
_SINGLE_SKIPS = 1000
"""How many skipped, leaked and lost trials are written individually, with the reason; later ones are counted."""
_BATCH = 512
"""Up to so many batches of passed trials are merged, until another event is written."""
_KINDS = 200
_OUTCOMES: Mapping[type, Outcome] = {
    TrialSkipped: Outcome.SKIPPED,
    TrialLeaked: Outcome.LEAKED,
    TrialLost: Outcome.LOST,
}
_BUFFER = 1 << 16
_FLUSH_SECONDS = 1.0
_FLUSH_SHARE = 0.01
"""If flakeproof is killed, at most the last second of a run is missing, or this share of a long run."""


@dataclass
class _Batch:
    """Trials of one process that passed in the same way, merged."""

    items: dict[str, ItemOutcome]
    count: int = 0
    durations: dict[int, int] = field(default_factory=dict)
    merged: int = 0


@dataclass
class _Counted:
    """Trials that are not written individually."""

    count: int = 0
    cut_short: int = 0
    items: dict[str, Counter[ItemOutcome]] = field(default_factory=dict)


class LogWriter:
    """Sink that writes every event except progress."""

    def __init__(self, folder: Path, warn: Callable[[str], None], *, size_limit: int = SIZE_LIMIT) -> None:
        self._folder = folder
        self._size_limit = size_limit
        self._batches: dict[int, _Batch] = {}
        self._counted: dict[tuple[Outcome, str], _Counted] = {}
        self._first: dict[str, int] = {}
        """For each kind of failure, the first trial in which it was seen so far."""
        self._skips = 0
        self._seen: dict[int, dict[str, SeenBySanitizer]] = {}
        """Repeated sightings of sanitizers, by process."""
        self._encode = as_json

        self._passed = Ranges()
        """Trials in the batches that are held back."""
        self._not_single = Ranges()
        """Trials that are counted, not written individually."""
        self._elapsed = 0.0
        self._flush_at = _FLUSH_SECONDS
        self._warn: Callable[[str], None] | None = warn
        self._file = GrowingFile(folder / LOG_NAME, self._failed, buffer=_BUFFER)

    def __call__(self, event: AnyEvent) -> None:
        """Write `event`, merge it into a batch, or count it."""
        match event:
            case Progressed():
                self._elapsed = event.elapsed
                if event.elapsed >= self._flush_at:
                    self._flush_at = event.elapsed + max(_FLUSH_SECONDS, _FLUSH_SHARE * event.elapsed)
                    self._flush_batches()
                    self._file.flush()
                return
            case TrialsPassed():
                self._merge(event)
                return
            case RunStarted():
                self._write_spec(event)
                event = msgspec.structs.replace(event, spec=without_values(event.spec))
            case RunResumed():
                self._flush_at = 0.0
            case TrialFailed():
                is_example = self._is_example(event)
                if self._file.size > self._size_limit and not is_example:
                    self._count(event.failure.outcome, event.failure.signature, event.items, event.cut_short)
                    self._not_single.add(event.failure.trial)
                    return
                if event.number > _FULL_FAILURES and not is_example:
                    event = _trimmed(event)
            case TrialSkipped() | TrialLeaked() | TrialLost():
                self._skips += 1
                if self._skips > _SINGLE_SKIPS or self._file.size > self._size_limit:
                    items = {} if isinstance(event, TrialLost) else event.items
                    self._count(_OUTCOMES[type(event)], "", items)
                    self._not_single.add(event.trial)
                    return
            case Sighted():
                new = [one for one in event.seen if one.examples]
                self._merge_seen(event.process, [one for one in event.seen if not one.examples])
                if not new:
                    return
                event = Sighted(process=event.process, seen=new)
            case RunEnded():
                self._flush_batches()
                self._flush_counts()
        self._flush_batches()
        self._write(event)
        if isinstance(event, TrialFailed | RunStarted | RunResumed):
            self._file.flush()
        elif isinstance(event, RunEnded):
            self.close()

    def close(self) -> None:
        """Write what is held back and close the file; may be called twice."""
        self._flush_batches()
        self._flush_counts()
        self._file.close()

    def _is_example(self, event: TrialFailed) -> bool:
        """Whether the trial is the first so far with one of its kinds of failure, so that each kind has an example."""
        found = False
        for failure in (event.failure, *event.further):
            known = self._first.get(failure.signature)
            if failure.trial < known if known is not None else len(self._first) < _KINDS:
                self._first[failure.signature] = failure.trial
                found = True
        return found

    def _count(
        self, outcome: Outcome, signature: str, items: Mapping[str, ItemOutcome], cut_short: bool = False
    ) -> None:
        key = outcome, signature if signature in self._first else ""
        counted = self._counted.setdefault(key, _Counted())
        counted.count += 1
        counted.cut_short += cut_short
        for item, how in items.items():
            counted.items.setdefault(item, Counter())[how] += 1

    def _write_spec(self, event: RunStarted) -> None:
        try:
            write_spec(self._folder, event.spec)
        except OSError as error:
            self._failed(error)

    def _merge(self, event: TrialsPassed) -> None:
        batch = self._batches.get(event.process)
        if batch is not None and (batch.items != event.items or batch.merged >= _BATCH):
            self._flush_batches()
            batch = None
        if batch is None:
            batch = self._batches[event.process] = _Batch(event.items)
        for first, count in event.trials:
            self._passed.add(first, count)
        batch.count += event.count
        batch.merged += 1
        for bucket, number in event.durations:
            batch.durations[bucket] = batch.durations.get(bucket, 0) + number

    def _flush_batches(self) -> None:
        batches, self._batches = self._batches, {}
        for process, batch in batches.items():
            durations = sorted(batch.durations.items())
            self._write(TrialsPassed(process=process, count=batch.count, durations=durations, items=batch.items))
        self._passed = self._settle(self._passed)

    def _settle(self, trials: Ranges) -> Ranges:
        """Write which trials the preceding records are about; return an empty set for the next ones."""
        if trials:
            self._write(Settled(trials=list(trials.blocks()), elapsed=self._elapsed))
        return Ranges()

    def _merge_seen(self, process: int, seen: list[SeenBySanitizer]) -> None:
        known = self._seen.setdefault(process, {}) if seen else {}
        for one in seen:
            known[one.key] = one.more(known[one.key]) if one.key in known else one

    def _flush_counts(self) -> None:
        again, self._seen = self._seen, {}
        for process, seen in again.items():
            self._write(Sighted(process=process, seen=list(seen.values())))
        counted, self._counted = self._counted, {}
        for (outcome, signature), found in counted.items():
            self._write(
                TrialsCounted(
                    outcome=outcome,
                    signature=signature,
                    count=found.count,
                    items={item: dict(counts) for item, counts in found.items.items()},
                    cut_short=found.cut_short,
                )
            )
        self._not_single = self._settle(self._not_single)

    def _failed(self, error: OSError) -> None:
        warn, self._warn = self._warn, None
        if warn is not None:
            reason = error.strerror or error
            warn(f"the log {self._folder / LOG_NAME} cannot be written any more ({reason}); the run goes on without it")

    def _write(self, record: AnyRecord) -> None:
        self._file.write(self._encode(record) + b"\n")


def _trimmed(event: TrialFailed) -> TrialFailed:
    return msgspec.structs.replace(event, failure=_bare(event.failure), further=[_bare(one) for one in event.further])


def _bare(failure: Failure) -> Failure:
    return msgspec.structs.replace(failure, details={}, output="")


def drop_uncertain(folder: Path) -> None:
    """Cut off records at the end of a log if it is not known which trials they are about, so that the run can resume.

    These are batches that were written when the run was killed, without the record of their trials. Raises OSError.
    """
    kept = 0
    with (folder / LOG_NAME).open("r+b") as file:
        position = 0
        for line in file:
            position += len(line)
            if not line.endswith(b"\n"):
                break
            is_certain = b'{"event":"trials-passed"' not in line[:32] and b'{"event":"trials-counted"' not in line[:32]
            if is_certain:
                kept = position
        file.truncate(kept)


def read_events(folder: Path) -> Iterator[AnyRecord]:
    """The records in the log of a run, in order, without an incomplete last line.

    Raises OSError, and msgspec.DecodeError for a log that flakeproof has not written.
    """
    decode = msgspec.json.Decoder(AnyRecord).decode
    with (folder / LOG_NAME).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield decode(line)
