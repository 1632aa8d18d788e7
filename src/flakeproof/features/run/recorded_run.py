"""One run with all that belongs to it: the record in the store, the sinks, the summary."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.engine.dispatcher import Before
from flakeproof.engine.execute import Sink, execute
from flakeproof.engine.leases import Pool
from flakeproof.features.run.earlier import Rest
from flakeproof.model import RunSpec
from flakeproof.results.history import History
from flakeproof.results.question import Asking
from flakeproof.results.summary import Summary, summarize
from flakeproof.store.folder import Store
from flakeproof.store.log import LogWriter


def conduct(
    spec: RunSpec,
    store: Store,
    sinks: Callable[[Path], Sequence[Sink]],
    warn: Callable[[str], None],
    keep_runs: int,
    *,
    becomes_latest: bool = True,
    rest: Rest | None = None,
    of: Path | None = None,
) -> Summary:
    """Run `spec`, record it, return what came out; `sinks` gets the folder of the run.

    With `rest` only what is missing of the run in the folder `of`, whose record goes on.

    Raises UsageError or CannotRunError when nothing could be run; then no record is left either.
    """
    if rest is None or of is None:
        folder = store.new_run(becomes_latest=becomes_latest)
        history, resumed = History(), None
    else:
        folder = store.reopen(of)
        history = rest.history
        before = Before(history.total, history.failed, history.elapsed, history.next_process)
        pool = Pool(rest.first, spec.count, missing=rest.gaps if rest.missing is None else rest.missing)
        resumed = pool, before
    asking = Asking(spec.question, spec.processes) if spec.question is not None else None
    if asking is not None and rest is not None:
        asking.resume(rest.history)
    try:
        log = LogWriter(folder.path, warn)
        try:
            execute(
                spec,
                folder.path.name,
                folder.path,
                [history.add, log, *sinks(folder.path)],
                asking,
                resumed,
            )
        finally:
            log.close()
    except BaseException:
        if history.total:
            folder.close()  # what has been seen so far is worth keeping
        else:
            store.discard(folder)
        raise
    folder.close()
    store.prune(keep_runs)
    return summarize(history, str(folder.path))
