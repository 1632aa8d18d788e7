"""Pass after pass in one process: whether a test bears what it leaves behind itself."""

from flakeproof.features.diagnose.evidence import AGAIN, ALONE, Repeated
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.model import CommandTarget, Isolation

_PROCESSES = 2
"""One after the other: what a process fixes once, such as the hash seed, is in its first pass as well."""
_COUNT = 50
_SHARE = 0.03


def run_again(laboratory: Laboratory) -> Repeated | None:
    """How first passes and later ones ended; None for commands, which have a process for each."""
    given = laboratory.given
    if isinstance(given.target, CommandTarget):
        return None
    spec = changed(alone_spec(given), isolation=Isolation.SHARED)
    firsts: list[tuple[str, int]] = []
    with laboratory.experiment(AGAIN, "pass after pass in one process", against=ALONE) as tally:
        for number in range(_PROCESSES):
            seconds = laboratory.budget.share(_SHARE) / _PROCESSES
            before = tally.trials
            laboratory.run(tally, changed(spec, first_process=number), seconds=seconds, count=_COUNT)
            if tally.trials > before and tally.spec is not None:
                firsts.append((tally.runs[-1], tally.spec.first))
    failed = {(seen.run_id, seen.failure.trial) for seen in tally.failures(laboratory.flake)}
    if laboratory.flake is None:
        return Repeated((0, len(firsts)), (0, tally.trials - len(firsts)))
    of_firsts = len(failed.intersection(firsts))
    return Repeated((of_firsts, len(firsts)), (len(failed) - of_firsts, tally.trials - len(firsts)))
