"""Execute a comparison from start to end: two dispatchers in one loop, which take turns."""

import os
import selectors
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flakeproof.clock import monotonic_ns, now
from flakeproof.engine import limits
from flakeproof.engine.dispatcher import Dispatcher
from flakeproof.engine.execute import Sink, signals_stop
from flakeproof.engine.noise import surroundings, without_effect
from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.errors import Stop, about
from flakeproof.events import AnyEvent, Noted, RunStarted
from flakeproof.features.compare.records import (
    AnyComparisonEvent,
    ComparisonEnded,
    ComparisonProgressed,
    ComparisonSpec,
    ComparisonStarted,
    PairEnded,
)
from flakeproof.features.compare.turns import Turns
from flakeproof.model import Isolation
from flakeproof.version import __version__

_TICK = 0.05


@dataclass(frozen=True)
class ArmRun:
    """Where an arm is recorded, and the sinks of its events."""

    run_id: str
    folder: Path
    sinks: Sequence[Sink]


class Judge(Protocol):
    """Receives the events of a comparison and says when it is over."""

    def hear(self, event: AnyComparisonEvent) -> None:
        """Take in `event`."""

    def is_over(self) -> bool:
        """Whether the comparison is decided."""

    def is_spent(self) -> bool:
        """Whether the test budget (--count) is used up."""


def execute_comparison(spec: ComparisonSpec, run_id: str, runs: Sequence[ArmRun], judge: Judge) -> None:
    """Run `spec`, whose arms are recorded as `runs`; `judge` hears every event of the comparison.

    Raises UsageError or CannotRunError when an arm cannot be run.
    """
    for arm in spec.arms:
        limits.check(arm.spec)
    judge.hear(
        ComparisonStarted(
            run_id=run_id,
            at=now().isoformat(),
            version=__version__,
            machine=os.uname().nodename,
            spec=spec,
            runs=[run.run_id for run in runs],
        )
    )
    with temporary_root() as temporary:
        match = _Match(spec, run_id, runs, judge, temporary)
        asked = [arm.spec.perturbations for arm in spec.arms]
        with signals_stop(match.stop), surroundings(asked, temporary, run_id, match.note):
            match.run()
    match.end()


class _Match:
    """Both arms, while they run."""

    def __init__(self, spec: ComparisonSpec, run_id: str, runs: Sequence[ArmRun], judge: Judge, temporary: str) -> None:
        self._spec = spec
        self._runs = runs
        self._judge = judge
        self._stop: Stop | None = None
        self._decided = False
        self._started_ns = 0
        self._elapsed = 0.0
        self._notes: list[str] = []
        self._turns = Turns(
            limits.lanes_per_process(spec.arms[0].spec),
            (spec.arms[0].spec.first, spec.arms[1].spec.first),
            spec.first_pair,
            spec.seed,
            self._pair_ended,
        )
        self._turns.wake = self._wake
        self._turns.renew = self._renew
        self._dispatchers = [
            Dispatcher(arm.spec, str(run.folder), temporary, run_id, _sender(run.sinks), work)
            for arm, run, work in zip(spec.arms, runs, self._turns.arms, strict=True)
        ]

    def stop(self, reason: Stop) -> None:
        """End the comparison early; a second request ends it at once. Safe in a signal handler."""
        if self._stop is None:
            self._stop = reason
        for dispatcher in self._dispatchers:
            dispatcher.stop(reason)

    def note(self, text: str) -> None:
        """Add a note to both arms' events, at their start or, if they have started, at their end."""
        self._notes.append(text)

    def run(self) -> None:
        """Run to the end; no process is left, however it ends."""
        selector = selectors.DefaultSelector()
        try:
            for dispatcher, arm, run in zip(self._dispatchers, self._spec.arms, self._runs, strict=True):
                started = RunStarted(run_id=run.run_id, at=now().isoformat(), version=__version__, spec=arm.spec)
                send = _sender(run.sinks)
                send(started)
                for note in (*arm.spec.left_out, *self._notes):
                    send(Noted(message=note))
                selector.register(dispatcher.fileno(), selectors.EVENT_READ)
                with about(arm.name):
                    dispatcher.start()
            self._notes.clear()
            while any(dispatcher.is_running for dispatcher in self._dispatchers):
                selector.select(_TICK)
                for dispatcher, arm in zip(self._dispatchers, self._spec.arms, strict=True):
                    with about(arm.name):
                        dispatcher.step(0)
                self._look()
        finally:
            selector.close()
            for dispatcher in self._dispatchers:
                dispatcher.close()

    def end(self) -> None:
        """Report the end of both arms and of the comparison; called after everything is cleared up."""
        for dispatcher, run, arm in zip(self._dispatchers, self._runs, self._spec.arms, strict=True):
            send = _sender(run.sinks)
            for note in (*without_effect(arm.spec.perturbations, run.folder), *self._notes):
                send(Noted(message=note))
            send(dispatcher.end())
        stopped = None if self._decided or self._stop is None else self._stop.value
        self._judge.hear(ComparisonEnded(elapsed=self._elapsed, stopped=stopped))

    def _look(self) -> None:
        """Check the limits of the comparison, after each step."""
        at = monotonic_ns()
        if not self._started_ns and all(dispatcher.has_started for dispatcher in self._dispatchers):
            self._started_ns = at
        if self._stop is not None:
            return
        if self._started_ns:
            self._elapsed = (at - self._started_ns) / 1e9
            self._judge.hear(ComparisonProgressed(elapsed=self._elapsed))
        if self._decided:
            self.stop(Stop.ANSWERED)
        elif self._judge.is_spent():
            self.stop(Stop.SPENT)
        elif self._spec.duration is not None and self._elapsed >= self._spec.duration:
            self.stop(Stop.DURATION)
        elif not all(dispatcher.is_running for dispatcher in self._dispatchers):
            self.stop(Stop.GIVEN_UP)  # one arm has ended by itself

    def _pair_ended(self, pair: PairEnded) -> bool:
        if self._stop is not None:
            return False
        self._judge.hear(pair)
        self._decided = self._judge.is_over()
        return not self._decided and not self._judge.is_spent()

    def _wake(self, arm: int, place: int) -> None:
        self._dispatchers[arm].wake(place)

    def _renew(self, place: int) -> None:
        if any(arm.spec.isolation is not Isolation.FRESH for arm in self._spec.arms):
            for dispatcher in self._dispatchers:
                dispatcher.renew(place)
        else:
            for arm in range(len(self._dispatchers)):
                self._wake(arm, place)


def _sender(sinks: Sequence[Sink]) -> Callable[[AnyEvent], None]:
    def send(event: AnyEvent) -> None:
        for sink in sinks:
            sink(event)

    return send
