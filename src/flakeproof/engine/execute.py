"""A run from its specification to its end: checks, folder, log, signals, dispatcher, clean-up."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import flakeproof
from flakeproof.clock import now
from flakeproof.engine import limits
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.leftovers import temporary_root
from flakeproof.engine.project_files import difference, snapshot
from flakeproof.engine.question import Inquiry
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.stop import Stop
from flakeproof.engine.surroundings import surroundings
from flakeproof.engine.without_effect import without_effect
from flakeproof.events import AnyEvent, Noted, RunStarted
from flakeproof.model import PytestTarget, RunSpec

Sink = Callable[[AnyEvent], None]


def execute(spec: RunSpec, run_id: str, folder: Path, sinks: Sequence[Sink], inquiry: Inquiry | None) -> None:
    """Run `spec`; its files without a name live in `folder`; every event goes to every sink.

    `inquiry` is asked whether the run's question is answered.

    Raises UsageError or CannotRunError when nothing could be run.
    """
    limits.check(spec)

    def emit(event: AnyEvent) -> None:
        for sink in sinks:
            sink(event)

    with temporary_root() as temporary:
        work = Pool(spec.first, spec.count, spec.chosen)
        dispatcher = Dispatcher(spec, str(folder), temporary, run_id, emit, work, inquiry, renewal=Renewal(spec))
        emit(RunStarted(run_id=run_id, at=now().isoformat(), version=flakeproof.__version__, spec=spec))
        for note in spec.left_out:
            emit(Noted(message=note))
        before = snapshot(spec.target.folder) if isinstance(spec.target, PytestTarget) else None
        around = surroundings([spec.perturbations], temporary, run_id, lambda text: emit(Noted(message=text)))
        with signals_stop(dispatcher.stop), around:
            dispatcher.run()
    if before is not None and (changes := difference(before, snapshot(spec.target.folder))):
        emit(Noted(message=changes))
    for note in without_effect(spec.perturbations, folder):
        emit(Noted(message=note))
    emit(dispatcher.end())


@contextmanager
def signals_stop(end: Callable[[Stop], None]) -> Iterator[None]:
    """Let SIGINT and SIGTERM call `end` with the reason; outside of the main thread signals are not ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reasons = {signal.SIGINT: Stop.INTERRUPTED, signal.SIGTERM: Stop.TERMINATED}

    def stop(number: int, frame: FrameType | None) -> None:
        end(reasons[signal.Signals(number)])

    before: dict[int, Any] = {number: signal.signal(number, stop) for number in reasons}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
