"""One comparison with all that belongs to it: the records in the store, the listeners, the summary."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.engine.execute import Sink
from flakeproof.features.compare.events import AnyComparisonEvent, PairEnded, PairsClean
from flakeproof.features.compare.match import ArmRun, execute_comparison
from flakeproof.features.compare.pair_log import PairWriter
from flakeproof.features.compare.records import ComparisonSpec
from flakeproof.features.compare.referee import Listener, Referee
from flakeproof.features.compare.summary import ComparisonSummary, summarize_comparison
from flakeproof.results.history import History
from flakeproof.store.folder import RunFolder, Store
from flakeproof.store.log import LogWriter


def conduct_comparison(
    spec: ComparisonSpec,
    store: Store,
    listeners: Callable[[Path, Referee], Sequence[Listener]],
    arm_sinks: Callable[[str], Sequence[Sink]],
    warn: Callable[[str], None],
    keep_runs: int,
    carried: Sequence[AnyComparisonEvent] = (),
) -> ComparisonSummary:
    """Run `spec`, record it, return what came out.

    `listeners` gets the folder of the comparison and who counts it, `arm_sinks` the name of an arm, `carried` are the
    pairs of an earlier comparison that this one goes on from.

    Raises UsageError or CannotRunError when nothing could be run; then no record is left either.
    """
    folders: list[RunFolder] = []
    logs: list[LogWriter] = []
    histories = [History() for _ in spec.arms]
    heard: list[Listener] = []
    referee = Referee(heard)
    try:
        whole = store.new_run()
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
                folder.close()  # what has been seen so far is worth keeping
        else:
            for folder in reversed(folders):
                store.discard(folder)
        raise
    for folder in folders:
        folder.close()
    store.prune(keep_runs)
    return summarize_comparison(referee.history, str(whole.path), histories)


class _Carrying:
    """A referee that is told of earlier pairs once the comparison has begun."""

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
