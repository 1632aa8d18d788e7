"""One run with all that belongs to it: the record in the store, the sinks, the summary."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.decision import find
from flakeproof.engine.execute import Sink, execute
from flakeproof.history import History
from flakeproof.model import Answer, Finding, RunSpec
from flakeproof.store.folder import Store
from flakeproof.store.log import LogWriter
from flakeproof.summary import Summary, summarize


def conduct(
    spec: RunSpec,
    store: Store,
    sinks: Callable[[Path], Sequence[Sink]],
    warn: Callable[[str], None],
    keep_runs: int,
    *,
    becomes_latest: bool = True,
) -> Summary:
    """Run `spec`, record it, return what came out; `sinks` gets the folder of the run.

    Raises UsageError or CannotRunError when nothing could be run; then no record is left either.
    """
    folder = store.new_run(becomes_latest=becomes_latest)
    history = History()
    try:
        log = LogWriter(folder.path, warn)
        try:
            execute(
                spec,
                folder.path.name,
                folder.path,
                [history.add, log, *sinks(folder.path)],
                lambda: _answer(spec, history),
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


def _answer(spec: RunSpec, history: History) -> Finding | None:
    """The answer to the run's question, once there is one."""
    if spec.question is None:
        return None
    finding = find(spec.question, history)
    return None if finding.answer is Answer.UNDECIDED else finding
