"""One run with all that belongs to it: the record in the store, the sinks, the summary, the documents about it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from flakeproof.clock import monotonic_ns
from flakeproof.engine.execute import Sink, execute
from flakeproof.engine.leases import Pool
from flakeproof.engine.run_end import Before
from flakeproof.errors import Stop
from flakeproof.events import AnyEvent, RunEnded, StateLookedFor
from flakeproof.features.run.earlier import Rest
from flakeproof.model import RunSpec
from flakeproof.reports.files import Renderers, to_json
from flakeproof.results.dependence import repetition_in
from flakeproof.results.history import History
from flakeproof.results.question import Asking
from flakeproof.results.summary import Summary, summarize
from flakeproof.store.folder import Store
from flakeproof.store.log import LogWriter

StateLook = Callable[[RunSpec, str, float | None], tuple[StateLookedFor, Stop | None]]
"""Finds what stays of a test: of how it was run, its name, the seconds that this may take (None: as needed); and tells
why it was ended from outside, if it was."""
_LEAST_SECONDS = 1.0
"""Less is no time to look for anything."""


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
    watches_copies: bool = False,
    look: StateLook | None = None,
) -> Summary:
    """Run `spec`, record it, return what came out; `sinks` gets the folder of the run. `watches_copies` is for what a
    user runs to know whether tests fail (`engine.execute`). `look` finds what stays of a test that cannot run twice in
    one process.

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
    question = spec.question
    asking = (lambda: Asking(question, spec.processes)) if question is not None else None
    inquiry = asking() if asking is not None else None
    if inquiry is not None and rest is not None:
        inquiry.resume(rest.history)
    start = monotonic_ns()

    def afterwards(ended: RunEnded) -> tuple[Sequence[AnyEvent], Stop | None]:
        found = repetition_in(history)
        if look is None or not found:
            return [], None
        left = None if spec.duration is None else spec.duration - (monotonic_ns() - start) / 1e9
        if left is not None and left < _LEAST_SECONDS:
            why = "it was not looked for, because the time of the run was over"
            return [StateLookedFor(item=found[0].item, state=[], unknown=why)], None
        seen, stopped = look(spec, found[0].item, left)
        return [seen], stopped

    try:
        log = LogWriter(folder.path, warn)
        all_sinks: list[Sink] = [history.add, log, *sinks(folder.path)]
        try:
            if spec.on is not None:
                from flakeproof.cluster.execute import execute_on_cluster  # here: most runs do not need it

                execute_on_cluster(spec, folder.path.name, all_sinks, inquiry, watches_copies=watches_copies)
            else:
                execute(
                    spec,
                    folder.path.name,
                    folder.path,
                    all_sinks,
                    inquiry,
                    resumed,
                    watches_copies=watches_copies,
                    another_inquiry=asking,
                    afterwards=afterwards,
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


def renderers(summary: Summary) -> Renderers:
    """The documents about a run."""

    def junit() -> bytes:
        from flakeproof.features.run.junit import render

        return render(summary)

    def markdown() -> bytes:
        from flakeproof.features.run.markdown import render

        return render(summary)

    def html() -> bytes:
        from flakeproof.features.run.html_page import render

        return render(summary)

    return {"junit-xml": junit, "json": lambda: to_json(summary), "markdown": markdown, "html": html}
