"""The target beside copies of itself, in a process that others have used, on a busy machine, in new interpreters."""

import os

from flakeproof.diagnosing.experiments.alone import alone_spec
from flakeproof.diagnosing.experiments.names import ALONE, BUSY, FRESH, PARALLEL, SHARED
from flakeproof.diagnosing.laboratory import Laboratory, changed
from flakeproof.model import CommandTarget, Isolation, Perturbations

_SHARE = 0.08
_LEAST, _MOST = 60, 1000
_FRESH_COUNT = 60


def run_shared(laboratory: Laboratory) -> None:
    """One process, one trial after the other: what is left behind by one meets the next."""
    if isinstance(laboratory.given.target, CommandTarget):
        return
    spec = changed(laboratory.given, isolation=Isolation.SHARED, workers=1, processes=1)
    with laboratory.experiment(SHARED, "one after the other in one process", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=count_of(laboratory))


def run_parallel(laboratory: Laboratory) -> None:
    """Several processes at once, each with one trial."""
    workers = 6 * _cores()
    spec = changed(alone_spec(laboratory.given), workers=workers, processes=min(workers, _cores()))
    with laboratory.experiment(PARALLEL, f"{workers} processes at once", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=count_of(laboratory))


def run_busy(laboratory: Laboratory) -> None:
    """Alone, while other processes, which do nothing else, use all processors."""
    burners = 4 * _cores()
    setting = f"alone, one at a time, while {burners} other processes keep the processors busy"
    with laboratory.experiment(BUSY, setting, against=ALONE) as tally:
        spec = changed(alone_spec(laboratory.given), perturbations=Perturbations(noise={"cpu": burners}))
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=count_of(laboratory))


def run_fresh(laboratory: Laboratory) -> None:
    """Each trial in a new interpreter, with a PYTHONHASHSEED of its own."""
    spec = laboratory.given
    if isinstance(spec.target, CommandTarget):
        return
    spec = changed(alone_spec(spec), isolation=Isolation.FRESH)
    with laboratory.experiment(FRESH, "alone, each in a new interpreter", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=_FRESH_COUNT)


def count_of(laboratory: Laboratory) -> int:
    """Trials of an experiment that is compared with those alone."""
    return min(_MOST, max(_LEAST, 2 * laboratory.tally(ALONE).trials))


def _cores() -> int:
    return len(os.sched_getaffinity(0))
