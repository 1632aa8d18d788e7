"""Execute a run from its specification to its end: checks, temporary folder, signals, dispatcher, clean-up."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import msgspec

from flakeproof import signals
from flakeproof.clock import monotonic_ns, now
from flakeproof.engine import company, limits, scout
from flakeproof.engine.crowd import Crowd
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.leases import Pool
from flakeproof.engine.leftovers import difference, snapshot
from flakeproof.engine.noise import surroundings, without_effect
from flakeproof.engine.renewal import Renewal
from flakeproof.engine.run_end import Before, Inquiry
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import Stop
from flakeproof.events import AnyEvent, CopiesChecked, Noted, RunEnded, RunResumed, RunStarted
from flakeproof.model import PytestTarget, RunSpec
from flakeproof.perturbations.resources import hindered
from flakeproof.version import __version__

Sink = Callable[[AnyEvent], None]


def execute(
    spec: RunSpec,
    run_id: str,
    folder: Path,
    sinks: Sequence[Sink],
    inquiry: Inquiry | None,
    resumed: tuple[Pool, Before] | None = None,
    *,
    watches_copies: bool = False,
    another_inquiry: Callable[[], Inquiry] | None = None,
    afterwards: Callable[[RunEnded], tuple[Sequence[AnyEvent], Stop | None]] | None = None,
) -> None:
    """Run `spec`; every event goes to every sink; nameless files are made in `folder`.

    `inquiry` decides whether the run's question is answered. `resumed` has the trials that an earlier part of the run
    has left, and what it has done. With `watches_copies`, tests that run at once are kept from colliding if possible,
    and failures that may be collisions are checked; `another_inquiry` makes an inquiry for trials alone.

    `afterwards` is told how the run ended, unless that was from outside, and has events to add before its end; and
    why it was itself ended from outside, if it was.

    Raises UsageError or CannotRunError if nothing could be run.
    """
    limits.check(spec)
    began = monotonic_ns()

    def emit(event: AnyEvent) -> None:
        seen.add(event)
        for sink in sinks:
            sink(event)

    early: list[str] = []
    has_started = False

    def warn(text: str) -> None:
        if has_started:
            emit(Noted(message=text))
        else:
            early.append(text)

    seen = company.FailureSeen()
    with temporary_root(warn) as temporary:
        work, before = resumed or (Pool(spec.first, spec.count, spec.chosen), Before())
        first = None
        if watches_copies and scout.suits(spec):
            may = spec.private_network is None
            first = scout.Scout(_hindrance, warn, may_switch=may, may_slow=spec.adapts_workers)
        dispatcher = Dispatcher(
            *(spec, str(folder), temporary, run_id, emit, work, inquiry),
            before=before,
            renewal=Renewal(spec),
            scout=first,
            crowd=Crowd(spec) if watches_copies else None,
        )
        if watches_copies and company.may_collide(spec):
            dispatcher.share_left = company.SHARE_LEFT
        at, version = now().isoformat(), __version__
        if resumed is None:
            emit(RunStarted(run_id=run_id, at=at, version=version, spec=spec, machine=os.uname().nodename))
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
    ended = dispatcher.end()
    is_alone = first is not None and first.one_at_a_time
    is_suspicious = watches_copies and not is_alone and company.is_suspicious(spec, seen)
    if is_suspicious and not company.was_ended_from_outside(ended.stopped):
        used = first.used if first is not None else None
        if first is not None and first.private_network:
            spec = msgspec.structs.replace(spec, private_network=True)
        left = None if spec.duration is None else spec.duration - (monotonic_ns() - began) / 1e9
        check = company.Check(spec, seen, run_id, folder, used, another_inquiry, ended.elapsed, left)
        with signals_stop(check.stop):
            found = check.run(lambda text: emit(Noted(message=text)))
        emit(CopiesChecked(found=found))
        if check.stopped is not None:
            ended = msgspec.structs.replace(ended, stopped=check.stopped.value)
    if afterwards is not None and not company.was_ended_from_outside(ended.stopped):
        more, stopped = afterwards(ended)
        for event in more:
            emit(event)
        if stopped is not None:
            ended = msgspec.structs.replace(ended, stopped=stopped.value)
    emit(ended)


def _hindrance() -> str | None:
    """Why tests cannot have networks of their own here."""
    found = hindered("network")
    return None if found is None else found.why


@contextmanager
def signals_stop(end: Callable[[Stop], None], *, once: bool = False) -> Iterator[None]:
    """Call `end` with the reason on SIGINT or SIGTERM, also for a signal that came before; with `once`, only once.

    Outside the main thread, signals are left alone.
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
