"""A run from its specification to its end: checks, folder, log, signals, dispatcher, clean-up."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

import flakeproof
from flakeproof.clock import now
from flakeproof.engine import company, limits, scout
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.leftovers import temporary_root
from flakeproof.engine.project_files import difference, snapshot
from flakeproof.engine.question import Inquiry
from flakeproof.engine.stop import Stop
from flakeproof.engine.surroundings import surroundings
from flakeproof.engine.without_effect import without_effect
from flakeproof.events import AnyEvent, CopiesChecked, Noted, RunStarted
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.perturbations.namespaces import hindered

Sink = Callable[[AnyEvent], None]


def execute(
    spec: RunSpec,
    run_id: str,
    folder: Path,
    sinks: Sequence[Sink],
    inquiry: Inquiry | None,
    *,
    watches_copies: bool = False,
    another_inquiry: Callable[[], Inquiry] | None = None,
) -> None:
    """Run `spec`; its files without a name live in `folder`; every event goes to every sink.

    `inquiry` is asked whether the run's question is answered. With `watches_copies` it is seen to that tests that run
    at once do not collide, and failures that may come of it are looked into; `another_inquiry` is for trials alone.

    Raises UsageError or CannotRunError when nothing could be run.
    """
    limits.check(spec)

    def emit(event: AnyEvent) -> None:
        seen.add(event)
        for sink in sinks:
            sink(event)

    seen = company.Seen()
    with temporary_root() as temporary:
        work = Pool(spec.first, spec.count, spec.chosen)
        first = None
        if watches_copies and scout.suits(spec):
            may = spec.private_network is None
            may_slow = spec.adapts_workers
            first = scout.Scout(_hindrance, lambda text: emit(Noted(message=text)), may_switch=may, may_slow=may_slow)
        dispatcher = Dispatcher(spec, str(folder), temporary, run_id, emit, work, inquiry, scout=first)
        if watches_copies and company.may_collide(spec):
            dispatcher.share_left = company.SHARE_LEFT
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
    ended = dispatcher.end()
    is_alone = first is not None and first.one_at_a_time
    is_suspicious = watches_copies and not is_alone and company.is_suspicious(spec, seen)
    if is_suspicious and not company.was_ended_from_outside(ended.stopped):
        used = first.used if first is not None else None
        if first is not None and first.private_network:
            spec = msgspec.structs.replace(spec, private_network=True)
        check = company.Check(spec, seen, run_id, folder, used, another_inquiry, ended.elapsed)
        with signals_stop(check.stop):
            found = check.run(lambda text: emit(Noted(message=text)))
        emit(CopiesChecked(found=found))
        if check.stopped is not None:
            ended = msgspec.structs.replace(ended, stopped=check.stopped.value)
    emit(ended)


def _hindrance() -> str | None:
    """Why tests cannot have networks of their own here."""
    found = hindered("network")
    return None if found is None else found.why


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
