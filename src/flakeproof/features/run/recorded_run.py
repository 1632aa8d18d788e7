"""One run with all that belongs to it: the record in the store, the sinks, the summary."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.engine.execute import Sink, execute
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
    watches_copies: bool = False,
) -> Summary:
    """Run `spec`, record it, return what came out; `sinks` gets the folder of the run. `watches_copies` is for what a
    user runs to know whether tests fail (`engine.execute`).

    Raises UsageError or CannotRunError when nothing could be run; then no record is left either.
    """
    folder = store.new_run(becomes_latest=becomes_latest)
    history = History()
    question = spec.question
    asking = (lambda: Asking(question)) if question is not None else None
    try:
        log = LogWriter(folder.path, warn)
        try:
            execute(
                spec,
                folder.path.name,
                folder.path,
                [history.add, log, *sinks(folder.path)],
                asking() if asking is not None else None,
                watches_copies=watches_copies,
                another_inquiry=asking,
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
