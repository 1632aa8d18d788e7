"""The target beside copies of itself, in a process that others have used, on a busy machine, in new interpreters."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from flakeproof.diagnosing.experiments.alone import alone_spec
from flakeproof.diagnosing.experiments.names import ALONE, BUSY, FRESH, PARALLEL, SHARED
from flakeproof.diagnosing.laboratory import Laboratory, changed
from flakeproof.model import CommandTarget, Isolation

_SHARE = 0.08
_LEAST, _MOST = 60, 1000
_FRESH_COUNT = 60
_BURN = "import os\nours = os.getppid()\nwhile os.getppid() == ours:\n    for _ in range(1_000_000): pass"


def run_shared(laboratory: Laboratory) -> None:
    """One process, one trial after the other: what is left behind by one meets the next."""
    if isinstance(laboratory.given.target, CommandTarget):
        return
    spec = changed(laboratory.given, isolation=Isolation.SHARED, workers=1, processes=1)
    with laboratory.experiment(SHARED, "one after the other in one process", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=_count(laboratory))


def run_parallel(laboratory: Laboratory) -> None:
    """Several processes at once, each with one trial."""
    workers = 6 * _cores()
    spec = changed(alone_spec(laboratory.given), workers=workers, processes=min(workers, _cores()))
    with laboratory.experiment(PARALLEL, f"{workers} processes at once", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=_count(laboratory))


def run_busy(laboratory: Laboratory) -> None:
    """Alone, while other processes, which do nothing else, use all processors."""
    burners = 4 * _cores()
    setting = f"alone, one at a time, while {burners} other processes keep the processors busy"
    with laboratory.experiment(BUSY, setting, against=ALONE) as tally, _burning(burners):
        seconds = laboratory.budget.share(_SHARE)
        laboratory.run(tally, alone_spec(laboratory.given), seconds=seconds, count=_count(laboratory))


def run_fresh(laboratory: Laboratory) -> None:
    """Each trial in a new interpreter, with a PYTHONHASHSEED of its own."""
    spec = laboratory.given
    if isinstance(spec.target, CommandTarget):
        return
    spec = changed(alone_spec(spec), isolation=Isolation.FRESH)
    with laboratory.experiment(FRESH, "alone, each in a new interpreter", against=ALONE) as tally:
        laboratory.run(tally, spec, seconds=laboratory.budget.share(_SHARE), count=_FRESH_COUNT)


def _count(laboratory: Laboratory) -> int:
    return min(_MOST, max(_LEAST, 2 * laboratory.tally(ALONE).trials))


def _cores() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _burning(count: int) -> Iterator[None]:
    """Keep so many processes busy, which end with us."""
    running = [
        subprocess.Popen(
            [sys.executable, "-S", "-c", _BURN],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()
