"""Runs the target under one setting after the other, and keeps what came out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from flakeproof.engine.execute import Sink
from flakeproof.engine.time_limits import Budget
from flakeproof.errors import StoppedError, is_signal
from flakeproof.events import AnyEvent, LoadFailed
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.model import CommandTarget, Failure, Isolation, RunSpec, TraceOrder
from flakeproof.results.summary import Summary

Conduct = Callable[[RunSpec, Callable[[Path], Sequence[Sink]]], Summary]
"""Makes a recorded run; given what makes its sinks out of its folder."""
_LEAST_RUNS = 4
_APART = 100_000
"""Numbers between the first trials of two runs: each trial of a diagnosis has a seed of its own."""


@dataclass(frozen=True)
class Arm:
    """An experiment that was, or is being, made."""

    name: str
    setting: str
    """In words."""
    against: str
    """Name of the one that it is compared with; empty for none."""
    tally: Tally


class Laboratory:
    """Holds the target, the time that is left, and the experiments so far, in their order."""

    def __init__(
        self, spec: RunSpec, budget: Budget, conduct: Conduct, tell: Callable[["Laboratory", Arm], None]
    ) -> None:
        """`spec` is the target as it was given; `tell` hears of each experiment when it has ended."""
        self.given = spec
        self.budget = budget
        self.arms: dict[str, Arm] = {}
        self.flake: Flake | None = None
        self.notes: list[str] = []
        self.start_up = 0.0
        """Seconds that a run takes beside its trials, as far as is known."""
        self._loads_anew = False
        """Whether each trial loads the target, because that has failed before."""
        self._conduct = conduct
        self._tell = tell
        self._next = spec.first

    @contextmanager
    def experiment(self, name: str, setting: str, *, against: str = "", item: str = "") -> Iterator[Tally]:
        """An experiment, whose runs are made inside of the block with `run`; only of the pytest item `item`, if any."""
        arm = Arm(name, setting, against, Tally(item=item))
        self.arms[name] = arm
        yield arm.tally
        self._meet(arm.tally)
        self._tell(self, arm)

    def run(
        self, tally: Tally, spec: RunSpec, *, seconds: float, count: int = 0, chosen: Sequence[int] = ()
    ) -> Summary:
        """Run `count` trials with numbers of their own, or those `chosen`, for at most so many seconds.

        Raises StoppedError, after what came out has been counted.
        """
        if not chosen:
            spec = spec.bare(first=self._next, count=count, duration=seconds)
            self._next += max(count, _APART)
        else:
            spec = spec.bare(chosen=list(chosen), count=len(chosen), duration=seconds)
        if self._loads_anew and not isinstance(spec.target, CommandTarget):
            spec = msgspec.structs.replace(spec, isolation=Isolation.FRESH)

        def sinks(folder: Path) -> Sequence[Sink]:
            tally.begin(folder.name, spec)
            return [tally.add, self._hear]

        summary = self._conduct(spec, sinks)
        tally.elapsed += summary.elapsed
        if is_signal(summary.stopped):
            self._meet(tally)
            raise StoppedError(summary.stopped)
        return summary

    def _hear(self, event: AnyEvent) -> None:
        """A target that can be loaded only sometimes is flaky: from then on loading is part of each trial."""
        if isinstance(event, LoadFailed) and not self._loads_anew:
            self._loads_anew = True
            self.notes.append(
                f"a process could not load the target ({event.failure.message}): from then on each test has loaded it "
                "anew, in an interpreter of its own"
            )

    def processes(self, part: float, most: int) -> int:
        """How many runs, one after the other, an experiment with `part` of the time can start; at least 4, or `most`.

        Half of its time may go into that.
        """
        if self.start_up <= 0:
            return most
        fitting = int(part * self.budget.seconds / 2 / self.start_up)
        return max(min(_LEAST_RUNS, most), min(most, fitting))

    def tally(self, name: str) -> Tally:
        """What came out of an experiment; nothing of one that was not made."""
        return self.arms[name].tally if name in self.arms else Tally()

    def failed(self, name: str) -> int:
        """Trials of an experiment with the flake."""
        return self.tally(name).failed(self.flake)

    def _meet(self, tally: Tally) -> None:
        """The first failure that is met, the most frequent one of its experiment, is what is looked into."""
        if self.flake is not None or not tally.seen:
            return
        candidates: dict[str, list[Failure]] = {}
        for seen in tally.seen:
            candidates.setdefault(f"{seen.failure.item} {seen.failure.signature}", []).append(seen.failure)
        most = max(candidates.values(), key=len)
        self.flake = Flake(min(most, key=lambda failure: failure.trial))


def changed(
    spec: RunSpec,
    *,
    environment: dict[str, str] | None = None,
    watched: str = "",
    trace: TraceOrder | None = None,
    **changes: Any,
) -> RunSpec:
    """`spec` with other settings, and variables in the environment of its trials on top."""
    target = changes.pop("target", spec.target)
    if environment:
        target = msgspec.structs.replace(target, environment={**target.environment, **environment})
    if watched:
        target = msgspec.structs.replace(target, watched=watched)
    if trace is not None:
        target = msgspec.structs.replace(target, trace=trace)
    changed: RunSpec = msgspec.structs.replace(spec, target=target, **changes)
    return changed


def perturbed(spec: RunSpec, **more: Any) -> RunSpec:
    """`spec` with `more` perturbations, beside those that it has."""
    return changed(spec, perturbations=msgspec.structs.replace(spec.perturbations, **more))
