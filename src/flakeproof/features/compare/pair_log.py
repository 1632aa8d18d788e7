"""The record of a comparison (`pairs.jsonl`): what is needed to tell it again, and to go on where it ended."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from flakeproof.features.compare.events import (
    AnyComparisonEvent,
    ComparisonProgressed,
    ComparisonStarted,
    PairEnded,
    PairsClean,
)
from flakeproof.features.compare.records import ComparisonSpec
from flakeproof.store.file import GrowingFile
from flakeproof.store.log import PAIRS_NAME
from flakeproof.store.odd_bytes import as_json
from flakeproof.store.withheld import without_values

_MERGED = 100_000
"""Clean pairs that are written as one record at most."""


class PairWriter:
    """Sink that writes every event but progress; clean pairs in a row as their number."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        """`warn` is told, once, if the file cannot be written any more; the comparison goes on."""
        path = folder / PAIRS_NAME

        def failed(error: OSError) -> None:
            warn(f"{path} cannot be written any more ({error.strerror or error}); the comparison goes on without it")

        self._file = GrowingFile(path, failed)
        self._clean = 0
        self._clean_trials = 0
        self._encode = as_json

    def __call__(self, event: AnyComparisonEvent) -> None:
        """Write `event`, or count it."""
        match event:
            case ComparisonProgressed():
                return
            case PairEnded() if event.is_clean:
                self._clean += 1
                self._clean_trials += event.base.passed
                if self._clean >= _MERGED:
                    self._flush()
                return
            case ComparisonStarted():
                event = msgspec.structs.replace(event, spec=_without_values(event.spec))
        self._flush()
        self._write(event)

    def close(self) -> None:
        """Write what is held back and close the file; may be called twice."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._clean:
            self._write(PairsClean(count=self._clean, trials=self._clean_trials))
            self._clean = self._clean_trials = 0

    def _write(self, event: AnyComparisonEvent) -> None:
        self._file.write(self._encode(event) + b"\n")


def _without_values(spec: ComparisonSpec) -> ComparisonSpec:
    base, fix = (msgspec.structs.replace(arm, spec=without_values(arm.spec)) for arm in spec.arms)
    return msgspec.structs.replace(spec, arms=(base, fix))


def read_pairs(folder: Path) -> Iterator[AnyComparisonEvent]:
    """The events of a comparison, in order; a last line that was cut off is left out.

    Raises OSError, and msgspec.DecodeError for a file that is not one of ours.
    """
    decode = msgspec.json.Decoder(AnyComparisonEvent).decode
    with (folder / PAIRS_NAME).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield decode(line)
