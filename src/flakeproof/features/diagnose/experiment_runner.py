"""Runs the target under one setting after the other, and keeps what came out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
from flakeproof.stats.tables import fisher_greater

Conduct = Callable[[RunSpec, Callable[[Path], Sequence[Sink]]], Summary]
"""Makes a recorded run; given what makes its sinks out of its folder."""
_LEAST_RUNS = 4
_SLOW = 0.5
"""Seconds."""
_ENDING = 0.5
"""Seconds that a run may take to end when the budget is used up."""
_TOGETHER = 0.01
"""Two kinds of failure rise together where each does by chance at most so rarely."""
_FOR_THE_ANSWER = 0.03
"""Share of the budget that is kept for what comes before and after all experiments."""
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


class BudgetSpent(Exception):  # noqa: N818 - it is no error
    """There is no time for another run."""


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
        self.usual = 0.0
        """Seconds that a trial takes, as far as is known."""
        self._loads_anew = False
        """Whether each trial loads the target, because that has failed before."""
        self._conduct = conduct
        self._tell = tell
        self._next = spec.first

    @property
    def is_slow(self) -> bool:
        """Whether trials take so long that few of them are made one after the other."""
        return self.usual >= _SLOW

    @contextmanager
    def experiment(self, name: str, setting: str, *, against: str = "", item: str = "") -> Iterator[Tally]:
        """An experiment, whose runs are made inside of the block with `run`; only of the pytest item `item`, if any."""
        arm = Arm(name, setting, against, Tally(item=item))
        self.arms[name] = arm
        try:
            yield arm.tally
        except BudgetSpent:
            if not arm.tally.runs:
                del self.arms[name]
                raise
            self._end(arm)
            raise
        self._end(arm)

    def _end(self, arm: Arm) -> None:
        self._meet(arm.tally)
        self._join(arm)
        self._tell(self, arm)

    def _join(self, arm: Arm) -> None:
        """What else becomes more frequent together with the flake, by the same change, is the flake as well."""
        flake = self.flake
        if flake is None or not arm.against.startswith(f"{arm.name}, ") or arm.against not in self.arms:
            return
        control = self.arms[arm.against].tally
        if _rises(arm.tally, control, flake.is_same) > _TOGETHER:
            return

        def is_other(failure: Failure) -> bool:
            return failure.item == flake.example.item and not flake.is_same(failure)

        if _rises(arm.tally, control, is_other) <= _TOGETHER:
            others = {seen.failure.signature for seen in arm.tally.seen if is_other(seen.failure)}
            self.flake = replace(flake, also=flake.also | others)

    @property
    def room(self) -> float:
        """Seconds that a run which starts now may take for its trials."""
        return self.budget.left - self.start_up - _FOR_THE_ANSWER * self.budget.seconds

    def patience(self, seconds: float) -> float:
        """Seconds that trials in flight, or a start that takes longer, may go on after so many.

        That is until the budget is used up.
        """
        return max(_ENDING, self.budget.left - _FOR_THE_ANSWER * self.budget.seconds - seconds)

    def run(
        self, tally: Tally, spec: RunSpec, *, seconds: float, count: int = 0, chosen: Sequence[int] = ()
    ) -> Summary:
        """Run `count` trials with numbers of their own, or those `chosen`, for at most so many seconds.

        Trials that would go on beyond the budget are given up, and count for nothing. Raises BudgetSpent where there is
        no time to begin, and StoppedError, after what came out has been counted.
        """
        if self.room <= 0 and self.arms:
            raise BudgetSpent
        seconds = min(seconds, max(self.room, _ENDING))
        patience = self.patience(seconds)
        if not chosen:
            spec = spec.bare(first=self._next, count=count, duration=seconds, patience=patience)
            self._next += max(count, _APART)
        else:
            spec = spec.bare(chosen=list(chosen), count=len(chosen), duration=seconds, patience=patience)
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

    def processes(self, part: float, most: int, least: int = _LEAST_RUNS) -> int:
        """How many runs, one after the other, an experiment with `part` of the time can start; `least`, or `most`.

        Half of its time may go into that.
        """
        if self.start_up <= 0:
            return most
        fitting = int(part * self.budget.seconds / 2 / self.start_up)
        return max(min(least, most), min(most, fitting))

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


def _rises(tally: Tally, control: Tally, counts: Callable[[Failure], bool]) -> float:
    """Probability that by chance so many more failures that count come up than in the control."""
    rows = []
    for one in (tally, control):
        failed = len({(seen.run_id, seen.failure.trial) for seen in one.seen if counts(seen.failure)})
        rows.append((failed, one.trials - failed))
    return fisher_greater((rows[0], rows[1])) if tally.trials and control.trials else 1.0


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
