"""The target under other settings: beside copies, on a busy machine, with other clocks, raced, paused at its lines."""

import os

from flakeproof.errors import Stop, StoppedError
from flakeproof.features.diagnose.evidence import (
    ALONE,
    BUSY,
    CLOCK,
    FRESH,
    MEASURED,
    PARALLEL,
    PATIENT,
    RACE,
    SHARED,
    STANDING,
)
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec, run_in_turns
from flakeproof.line_search.find_line import DelayFinding, find_line
from flakeproof.model import CommandTarget, Isolation, Load, RunSpec

_SHARE = 0.08
_FRESH_COUNT = 60
STANDING_STILL = "x0.001"
"""As slow as a clock can be made."""
_LINE_SHARE = 0.4
_MEETING_SHARE = 0.2
_LONGER = 10.0
_SLOWER = 0.25
"""Speed of the clocks by which time is measured."""
_AT_ONCE, _SLOW_AT_ONCE = 2, 4
"""Copies for each processor."""
_DECIDING_SHARE = 0.2
"""For what may be the answer, and nothing but it is changed."""
_LEAST_SECONDS = 5.0


def run_shared(laboratory: Laboratory) -> None:
    """One process, one trial after the other: what is left behind by one meets the next."""
    if isinstance(laboratory.given.target, CommandTarget):
        return
    spec = changed(laboratory.given, isolation=Isolation.SHARED, workers=1, processes=1)
    run_in_turns(laboratory, SHARED, "one after the other in one process", spec)


def run_parallel(laboratory: Laboratory) -> None:
    """Several processes at once, each with one trial."""
    workers = 6 * _cores()
    spec = changed(alone_spec(laboratory.given), workers=workers, processes=min(workers, _cores()))
    run_in_turns(laboratory, PARALLEL, f"{workers} processes at once", spec)


def run_busy(laboratory: Laboratory) -> None:
    """Alone, while other processes, which do nothing else, use all processors."""
    burners = 4 * _cores()
    spec = perturbed(alone_spec(laboratory.given), noise={"cpu": Load(count=burners)})
    run_in_turns(laboratory, BUSY, f"alone, while {burners} other processes keep the processors busy", spec)


def run_fresh(laboratory: Laboratory) -> None:
    """Each trial in a new interpreter, with a PYTHONHASHSEED of its own."""
    spec = laboratory.given
    if isinstance(spec.target, CommandTarget):
        return
    spec = changed(alone_spec(spec), isolation=Isolation.FRESH)
    with laboratory.experiment(FRESH, "alone, each in a new interpreter", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=_FRESH_COUNT)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def run_clock(laboratory: Laboratory) -> None:
    """Trials begin just before the end of a second, a day, a month and so on."""
    given = laboratory.given
    if not isinstance(given.target, CommandTarget) and given.perturbations.clock is None:
        spec = perturbed(alone_spec(given), clock="boundaries")
        run_in_turns(laboratory, CLOCK, "alone, at moments at which times of day change", spec)


def run_standing_clock(laboratory: Laboratory) -> None:
    """The time of day hardly passes: what fails because two readings of it differ, or do not, shows."""
    given = laboratory.given
    if not isinstance(given.target, CommandTarget) and given.perturbations.clock is None:
        spec = perturbed(alone_spec(given), clock=STANDING_STILL)
        run_in_turns(laboratory, STANDING, "alone, while the time of day stands still", spec)


def run_measured(laboratory: Laboratory, name: str, *, by_date: bool) -> None:
    """The clocks by which it measures time go at a quarter of their speed, or four times as fast (`MEASURED_MORE`).

    With `by_date` also `datetime`. Copies run beside each other on both sides: who measures time mostly waits.
    """
    given = laboratory.given
    if isinstance(given.target, CommandTarget) or given.perturbations.clock is not None:
        return
    slower = name == MEASURED
    speed = _SLOWER if slower else 1 / _SLOWER
    spec = perturbed(alone_spec(given), stopwatch=speed, **({"clock": f"x{speed:g}"} if by_date else {}))
    at_once = _copies(laboratory)
    words = "go at a quarter of their speed" if slower else "go four times as fast"
    setting = f"{at_once} at once, the clocks by which it measures time {words}"
    run_in_turns(laboratory, name, setting, spec, at_once=at_once, share=_DECIDING_SHARE)


def run_patient(laboratory: Laboratory) -> None:
    """The time limits that it waits with are far longer; copies run beside each other on both sides."""
    if isinstance(laboratory.given.target, CommandTarget):
        return
    spec = patient(alone_spec(laboratory.given))
    at_once = _copies(laboratory)
    setting = f"{at_once} at once, the time limits of its waits {_LONGER:g} times as long (3 s longer at most)"
    run_in_turns(laboratory, PATIENT, setting, spec, at_once=at_once, share=_DECIDING_SHARE)


def _copies(laboratory: Laboratory) -> int:
    """How many trials run at once that mostly wait: slow ones do that for longer."""
    return (_SLOW_AT_ONCE if laboratory.is_slow else _AT_ONCE) * _cores()


def patient(spec: RunSpec) -> RunSpec:
    """`spec` with longer time limits."""
    return perturbed(spec, patience=_LONGER)


def run_race(laboratory: Laboratory) -> None:
    """Threads and tasks are switched as often, and as unexpectedly, as can be."""
    given = laboratory.given
    if not isinstance(given.target, CommandTarget) and not given.perturbations.race:
        spec = perturbed(alone_spec(given), race=True)
        run_in_turns(laboratory, RACE, "alone, threads and tasks made to race", spec)


def search_line(laboratory: Laboratory, *, only_where_met: bool = False) -> DelayFinding | None:
    """The lines at which a pause makes the flake more, or less, frequent; None if there is no looking for them.

    Where nothing has failed so far, those at which pauses bring a failure about. With `only_where_met` only lines at
    which threads and tasks meet.
    """
    flake = laboratory.flake
    share = _MEETING_SHARE if only_where_met else _LINE_SHARE
    seconds = min(share * laboratory.budget.seconds, laboratory.room)
    if isinstance(laboratory.given.target, CommandTarget) or seconds < _LEAST_SECONDS:
        return None
    at_once = _AT_ONCE * _cores()
    patience = laboratory.patience(seconds)
    base = alone_spec(laboratory.given)
    if laboratory.tally(PATIENT).failed(flake):
        base = patient(base)  # no pause is to be mistaken for what comes too late
    spec = changed(base, workers=at_once, processes=_cores(), count=None, patience=min(patience, seconds))
    signatures = {seen.failure.signature for arm in laboratory.arms.values() for seen in arm.tally.failures(flake)}
    try:
        found = find_line(spec, budget=seconds, signatures=sorted(signatures), only_where_met=only_where_met)
    except KeyboardInterrupt as error:
        raise StoppedError(str(error) or Stop.INTERRUPTED) from None
    laboratory.notes.append(found.sentence)
    return found
