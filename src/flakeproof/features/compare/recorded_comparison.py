"""Run a comparison and record it: the log of its pairs, the runs of its arms, the listeners, the summary."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from flakeproof.engine.execute import Sink
from flakeproof.features.compare.match import ArmRun, execute_comparison
from flakeproof.features.compare.records import (
    AnyComparisonEvent,
    ComparisonProgressed,
    ComparisonSpec,
    ComparisonStarted,
    PairEnded,
    PairsClean,
)
from flakeproof.features.compare.summary import ComparisonSummary, summarize_comparison
from flakeproof.features.compare.verdict import Listener, Referee
from flakeproof.results.history import History
from flakeproof.store.file import GrowingFile, as_json
from flakeproof.store.folder import RunFolder, Store
from flakeproof.store.log import LogWriter
from flakeproof.store.spec_file import PAIRS_NAME, without_values

_MERGED = 100_000
"""How many clean pairs are written as one record at most."""


class PairWriter:
    """Sink that writes every event except progress; clean pairs in a row are written as their count."""

    def __init__(self, folder: Path, warn: Callable[[str], None]) -> None:
        """`warn` is called once if the file cannot be written any more; the comparison goes on."""
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
        """Write clean pairs that are held back, and close the file; may be called twice."""
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
    """The events of a comparison, in order, without an incomplete last line.

    Raises OSError, and msgspec.DecodeError for a file that flakeproof has not written.
    """
    decode = msgspec.json.Decoder(AnyComparisonEvent).decode
    with (folder / PAIRS_NAME).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield decode(line)


def conduct_comparison(
    spec: ComparisonSpec,
    store: Store,
    listeners: Callable[[Path, Referee], Sequence[Listener]],
    arm_sinks: Callable[[str], Sequence[Sink]],
    warn: Callable[[str], None],
    keep_runs: int,
    carried: Sequence[AnyComparisonEvent] = (),
    *,
    becomes_latest: bool = True,
) -> ComparisonSummary:
    """Run `spec`, record it, and return its summary.

    `listeners` is called with the folder of the comparison and its referee, `arm_sinks` with the name of an arm.
    `carried` are the events of the earlier comparison that this one continues.

    Raises UsageError or CannotRunError if nothing could be run; then no record is left.
    """
    folders: list[RunFolder] = []
    logs: list[LogWriter] = []
    histories = [History() for _ in spec.arms]
    heard: list[Listener] = []
    referee = Referee(heard)
    try:
        whole = store.new_run(becomes_latest=becomes_latest)
        folders.append(whole)
        runs = []
        for arm, history in zip(spec.arms, histories, strict=True):
            folder = store.new_run(becomes_latest=False)
            folders.append(folder)
            log = LogWriter(folder.path, warn)
            logs.append(log)
            runs.append(ArmRun(folder.path.name, folder.path, [history.add, log, *arm_sinks(arm.name)]))
        record = PairWriter(whole.path, warn)
        heard.append(record)
        heard += listeners(whole.path, referee)
        try:
            execute_comparison(spec, whole.path.name, runs, _Carrying(referee, carried))
        finally:
            record.close()
            for log in logs:
                log.close()
    except BaseException:
        if referee.history.total > spec.carried:
            for folder in folders:
                folder.close()  # keep the record of the pairs so far
        else:
            for folder in reversed(folders):
                store.discard(folder)
        raise
    for folder in folders:
        folder.close()
    store.prune(keep_runs)
    return summarize_comparison(referee.history, str(whole.path), histories)


class _Carrying:
    """A referee that receives the earlier pairs once the comparison has begun."""

    def __init__(self, referee: Referee, carried: Sequence[AnyComparisonEvent]) -> None:
        self._referee = referee
        self._carried = [event for event in carried if isinstance(event, PairEnded | PairsClean)]

    def hear(self, event: AnyComparisonEvent) -> None:
        self._referee.hear(event)
        carried, self._carried = self._carried, []
        for earlier in carried:
            self._referee.hear(earlier)

    def is_over(self) -> bool:
        return self._referee.is_over()

    def is_spent(self) -> bool:
        return self._referee.is_spent()
