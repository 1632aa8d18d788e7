"""A run from its specification to its end: checks, folder, log, signals, dispatcher, clean-up."""

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from flakeproof import signals
from flakeproof.clock import now
from flakeproof.engine import limits
from flakeproof.engine.dispatcher import Before, Dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.project_files import difference, snapshot
from flakeproof.engine.question import Inquiry
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.surroundings import surroundings
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.engine.without_effect import without_effect
from flakeproof.events import AnyEvent, Noted, RunResumed, RunStarted
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.stop import Stop
from flakeproof.version import __version__

Sink = Callable[[AnyEvent], None]


def execute(
    spec: RunSpec,
    run_id: str,
    folder: Path,
    sinks: Sequence[Sink],
    inquiry: Inquiry | None,
    resumed: tuple[Pool, Before] | None = None,
) -> None:
    """Run `spec`; its files without a name live in `folder`; every event goes to every sink.

    `inquiry` is asked whether the run's question is answered. A run that is `resumed` has trials that are missing, and
    has done something before.

    Raises UsageError or CannotRunError when nothing could be run.
    """
    limits.check(spec)

    def emit(event: AnyEvent) -> None:
        for sink in sinks:
            sink(event)

    early: list[str] = []
    has_started = False

    def warn(text: str) -> None:
        if has_started:
            emit(Noted(message=text))
        else:
            early.append(text)

    with temporary_root(warn) as temporary:
        work, before = resumed or (Pool(spec.first, spec.count, spec.chosen), Before())
        dispatcher = Dispatcher(
            spec, str(folder), temporary, run_id, emit, work, inquiry, before=before, renewal=Renewal(spec)
        )
        at, version = now().isoformat(), __version__
        if resumed is None:
            emit(RunStarted(run_id=run_id, at=at, version=version, spec=spec))
        else:
            emit(RunResumed(at=at, version=version))
        has_started = True
        for note in (*spec.left_out, *early):
            emit(Noted(message=note))
        files = snapshot(spec.target.folder) if isinstance(spec.target, PytestTarget) else None
        around = surroundings([spec.perturbations], temporary, run_id, warn)
        with signals_stop(dispatcher.stop), around:
            dispatcher.run()
    if files is not None and (changes := difference(files, snapshot(spec.target.folder))):
        emit(Noted(message=changes))
    for note in without_effect(spec.perturbations, folder):
        emit(Noted(message=note))
    emit(dispatcher.end())


@contextmanager
def signals_stop(end: Callable[[Stop], None], *, once: bool = False) -> Iterator[None]:
    """Let signals that end things call `end` with the reason, at once where one came before; `once` if it raises.

    Outside of the main thread signals are not ours.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if not once or signals.first() is None:
            signals.note(number)
            end(_reason(number))

    with signals.handled(stop):
        if signals.are_ours() and (before := signals.first()) is not None:
            end(_reason(before))
        yield


def _reason(number: int) -> Stop:
    return Stop.INTERRUPTED if number == signal.SIGINT else Stop.TERMINATED
