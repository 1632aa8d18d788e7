"""The target beside copies of itself, in a process that others have used, on a busy machine, in new interpreters."""

import os

from flakeproof.features.diagnose.experiment_runner import Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.experiments.names import ALONE, BUSY, FRESH, PARALLEL, SHARED
from flakeproof.features.diagnose.experiments.turns import run_in_turns
from flakeproof.model import CommandTarget, Isolation, Load

_SHARE = 0.08
_FRESH_COUNT = 60


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
