"""The target by itself, one trial at a time, each in a process of its own; also in turns with another setting."""

import os

from flakeproof.features.diagnose.evidence import ALONE, GIVEN, control_of
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed
from flakeproof.model import CommandTarget, Isolation, RunSpec

_PROCESSES = 8
"""Processes one after the other, because each has its own order of sets."""
_COUNT = 25
"""Trials in each."""
_ENOUGH = 12
"""Failures that tell something."""
_SHARE = 0.1
_PROVOKING = 200
_TURNS = 2
_LEAST, _MOST = 60, 1000
"""Trials of each side in turns."""


def alone_spec(spec: RunSpec) -> RunSpec:
    """One trial at a time, in forks of a process that has loaded the target; a command starts anew anyway."""
    isolation = Isolation.FRESH if isinstance(spec.target, CommandTarget) else Isolation.FORK
    return changed(spec, workers=1, processes=1, isolation=isolation)


def run_alone(laboratory: Laboratory) -> None:
    """Some trials in each of several processes; more of them where failures are few."""
    spec = alone_spec(laboratory.given)
    forks = spec.isolation is Isolation.FORK
    processes = laboratory.processes(_SHARE, _PROCESSES) if forks else 1
    with laboratory.experiment(ALONE, f"alone, one at a time{', each in a fork' if forks else ''}") as tally:
        for times in (1, 3):
            seconds = laboratory.budget.share(_SHARE) / processes
            for number in range(processes):
                own = changed(spec, first_process=number + (times - 1) * processes)
                laboratory.run(tally, own, seconds=seconds, count=times * _COUNT * _PROCESSES // processes)
            if not tally.seen or len(tally.seen) >= _ENOUGH:
                break


def run_given(laboratory: Laboratory) -> None:
    """The target with the settings that it was given."""
    spec = laboratory.given
    setting = f"as given: {spec.workers} at once, isolation {spec.isolation.value}"
    with laboratory.experiment(GIVEN, setting, against=ALONE) as tally:
        count = max(_PROVOKING, _COUNT * spec.workers)
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=count)
    if laboratory.flake is not None:
        tally.restrict(laboratory.flake.example.item)


def run_in_turns(
    laboratory: Laboratory, name: str, setting: str, spec: RunSpec, *, at_once: int = 1, share: float = _SHARE
) -> None:
    """`spec` as the experiment `name`, and as many trials alone, which it is compared with.

    With more than one `at_once` both sides have so many copies beside each other. Both take a `share` of the budget at
    most.
    """
    base, words = alone_spec(laboratory.given), "alone"
    if at_once > 1:
        spec, base = (changed(one, workers=at_once, processes=min(at_once, _cores())) for one in (spec, base))
        words = f"without it, {at_once} at once"
    count = min(_MOST, max(_LEAST, 2 * laboratory.tally(ALONE).trials)) // _TURNS
    seconds = laboratory.budget.share(share) / (2 * _TURNS)
    control = control_of(name)
    with (
        laboratory.experiment(control, f'{words}, in turns with the experiment "{name}"') as alone,
        laboratory.experiment(name, setting, against=control) as tally,
    ):
        for _ in range(_TURNS):
            laboratory.run(tally, spec, seconds=seconds, count=count)
            laboratory.run(alone, base, seconds=seconds, count=count)


def _cores() -> int:
    return len(os.sched_getaffinity(0))
