"""The target alone, with its clock moved, with threads made to race, and with pauses at its lines."""

import os

from flakeproof.errors import Stop, StoppedError
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.experiments.names import CLOCK, RACE
from flakeproof.features.diagnose.experiments.turns import run_in_turns
from flakeproof.line_search.find_line import DelayFinding, find_line
from flakeproof.model import CommandTarget

_LINE_SHARE = 0.4
_LEAST_SECONDS = 5.0


def run_clock(laboratory: Laboratory) -> None:
    """Trials begin just before the end of a second, a day, a month and so on."""
    given = laboratory.given
    if not isinstance(given.target, CommandTarget) and given.perturbations.clock is None:
        spec = perturbed(alone_spec(given), clock="boundaries")
        run_in_turns(laboratory, CLOCK, "alone, at moments at which times of day change", spec)


def run_race(laboratory: Laboratory) -> None:
    """Threads and tasks are switched as often, and as unexpectedly, as can be."""
    given = laboratory.given
    if not isinstance(given.target, CommandTarget) and not given.perturbations.race:
        spec = perturbed(alone_spec(given), race=True)
        run_in_turns(laboratory, RACE, "alone, threads and tasks made to race", spec)


def search_line(laboratory: Laboratory) -> DelayFinding | None:
    """The lines at which a pause makes the flake more, or less, frequent; None if there is no looking for them."""
    flake = laboratory.flake
    seconds = min(_LINE_SHARE * laboratory.budget.seconds, laboratory.budget.left)
    if flake is None or isinstance(laboratory.given.target, CommandTarget) or seconds < _LEAST_SECONDS:
        return None
    cores = len(os.sched_getaffinity(0))
    spec = changed(alone_spec(laboratory.given), workers=cores, processes=cores, count=None)
    signatures = {seen.failure.signature for arm in laboratory.arms.values() for seen in arm.tally.failures(flake)}
    try:
        found = find_line(spec, budget=seconds, signatures=sorted(signatures))
    except KeyboardInterrupt as error:
        raise StoppedError(str(error) or Stop.INTERRUPTED) from None
    laboratory.notes.append(found.sentence)
    return found
