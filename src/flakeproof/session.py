"""One run with all that belongs to it: the record in the store, the sinks, the summary."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.engine.execute import Sink, execute
from flakeproof.errors import FlakeproofError
from flakeproof.history import History
from flakeproof.model import RunSpec
from flakeproof.store.folder import Store, new_run_id
from flakeproof.store.log import LogWriter
from flakeproof.summary import Summary, summarize


def conduct(
    spec: RunSpec,
    store: Store,
    sinks: Callable[[Path], Sequence[Sink]],
    warn: Callable[[str], None],
    keep_runs: int,
) -> Summary:
    """Run `spec`, record it, return what came out; `sinks` gets the folder of the run.

    Raises UsageError or CannotRunError when nothing could be run; then no record is left either.
    """
    run_id = new_run_id()
    folder = store.new_run(run_id)
    history = History()
    log = LogWriter(folder, warn)
    try:
        execute(spec, run_id, folder, [history.add, log, *sinks(folder)])
    except FlakeproofError:
        log.close()
        store.discard(folder)
        raise
    finally:
        log.close()
    store.prune(keep_runs)
    return summarize(history, str(folder))
