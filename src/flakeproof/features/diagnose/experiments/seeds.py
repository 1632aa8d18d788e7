"""Whether the outcome hangs on the trial's seed, or on that of hashes: both fixed, in every combination.

Trials that failed and trials that passed run again under the seeds that they had, in several processes for each
PYTHONHASHSEED, in an order drawn for each. What hangs on a seed is the same whenever that seed comes back: that of a
trial in every process, that of hashes in every process that has it, and not only in one, which fixes other things too.
"""

import os
import random
from collections.abc import Sequence

from flakeproof.features.diagnose.evidence import ALONE, DRAWN, SEEDS_AGAIN, Factor, Level
from flakeproof.features.diagnose.experiment_runner import BudgetSpent, Laboratory, changed, perturbed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.model import CommandTarget, RunSpec
from flakeproof_worker.shared.seeds import trial_seed

_SEEDS = 5
"""Trials that failed to run again, and as many that passed."""
_HASH_SEEDS = 3
"""Hash seeds under which there were failures, and as many under which there were passes."""
_FEWER_HASH_SEEDS = 2
"""Of each kind, where few processes can be started."""
_PROCESSES = 24
"""In all, where there is the time …"""
_LEAST_ROUNDS = 2
"""… and for each hash seed in any case: of one alone nothing can be told."""
_SHARE = 0.15
"""Of the budget, for the trials …"""
_AT_ONCE = 4
"""Trials for each processor where they are slow: most slow tests wait."""
_EACH = "each"
_DRAWN_COUNT, _DRAWN_SHARE = 50, 0.08
_STARTING = 0.3
"""… and twice that which may go into starting processes."""


def run_drawn(laboratory: Laboratory) -> tuple[Factor, Factor] | None:
    """The same for what is drawn from sources that no seed reaches otherwise, which then follow the trial's seed, too.

    None where that is so anyway, or none of them has failed, or none passed.
    """
    given = laboratory.given
    if isinstance(given.target, CommandTarget) or given.perturbations.random_seed is not None:
        return None
    base = perturbed(alone_spec(given), random_seed=_EACH)
    with laboratory.experiment(DRAWN, "alone, all that it draws drawn from the seed of the trial") as tally:
        for number in range(_LEAST_ROUNDS):
            seconds = laboratory.budget.share(_DRAWN_SHARE) / _LEAST_ROUNDS
            laboratory.run(tally, changed(base, first_process=number), seconds=seconds, count=_DRAWN_COUNT)
    return run_seeds(laboratory, DRAWN, base)


def run_seeds(laboratory: Laboratory, source: str = ALONE, base: RunSpec | None = None) -> tuple[Factor, Factor] | None:
    """How the outcome goes with the seed and with the hash seed, for trials of the experiment `source`.

    `base` is how these were run, one at a time; by default as the target alone.

    None if none of them has failed, or none passed, or there was no time.
    """
    if isinstance(laboratory.given.target, CommandTarget):
        return None
    tally = laboratory.tally(source)
    failed = list(dict.fromkeys(seen.failure.trial for seen in tally.failures(laboratory.flake)))[:_SEEDS]
    passed = _passed(tally)
    bad, good = _hash_seeds(laboratory, tally)
    if not failed or not (passed or good):
        return None
    trials = failed + passed
    outcomes: dict[str, list[dict[int, bool]]] = {}
    hash_seeds = bad + good
    runs = laboratory.processes(_STARTING, _PROCESSES)
    if runs < _PROCESSES:  # fewer of them, and each the more often
        hash_seeds = bad[:_FEWER_HASH_SEEDS] + good[:_FEWER_HASH_SEEDS]
    rounds = max(_LEAST_ROUNDS, runs // len(hash_seeds))
    name, setting = SEEDS_AGAIN, "the same seeds and hash seeds again, in every combination"
    if base is not None:
        name, setting = f"{SEEDS_AGAIN}, {source}", f"{setting}, {source} from them"
    with laboratory.experiment(name, setting) as again:
        seconds = laboratory.budget.share(_SHARE) / (len(hash_seeds) * rounds)
        for place, hash_seed in enumerate(hash_seeds * rounds):
            order = list(trials)
            random.Random(f"{laboratory.given.seed} {place}").shuffle(order)
            before, passes = len(again.seen), again.passed
            spec = changed(base or alone_spec(laboratory.given), environment={"PYTHONHASHSEED": hash_seed})
            if laboratory.is_slow:  # several forks of one process at once: no seed is favoured by that
                spec = changed(spec, workers=_AT_ONCE * len(os.sched_getaffinity(0)))
            try:
                laboratory.run(again, spec, seconds=seconds, chosen=order)
            except BudgetSpent:
                break  # what has run again tells something as well
            new = again.seen[before:]
            if len({seen.failure.trial for seen in new}) + again.passed - passes == len(order):
                ours = {s.failure.trial for s in new if laboratory.flake is None or laboratory.flake.is_same(s.failure)}
                outcomes.setdefault(hash_seed, []).append({trial: trial in ours for trial in order})
    return _factor(outcomes, trials, failed, bad) if outcomes else None


def _factor(
    outcomes: dict[str, list[dict[int, bool]]], trials: Sequence[int], failed: Sequence[int], bad: Sequence[str]
) -> tuple[Factor, Factor]:
    rows = [row for of_one in outcomes.values() for row in of_one]
    by_seed = [
        Level(had_failed=trial in failed, failed=sum(row[trial] for row in rows), trials=len(rows)) for trial in trials
    ]
    by_hash = []
    for hash_seed, of_it in outcomes.items():
        processes = [(sum(row.values()), len(row)) for row in of_it]
        count, total = (sum(column) for column in zip(*processes, strict=True))
        by_hash.append(Level(had_failed=hash_seed in bad, failed=count, trials=total, processes=processes))
    return Factor(levels=by_seed), Factor(levels=by_hash)


def _passed(tally: Tally) -> list[int]:
    """Numbers of trials of the first run that passed; only where all of its trials have ended."""
    spec = tally.spec
    if spec is None or spec.count is None:
        return []
    failed = {seen.failure.trial for seen in tally.seen}
    done = sum(seen.run_id == tally.runs[-1] for seen in tally.seen) + tally.last_passed
    candidates = (trial for trial in range(spec.first, spec.first + done) if trial not in failed)
    return [trial for trial, _ in zip(candidates, range(_SEEDS), strict=False)]


def _hash_seeds(laboratory: Laboratory, tally: Tally) -> tuple[list[str], list[str]]:
    """Those under which trials failed, the most often first, and those under which the fewest did."""
    counts: dict[str, int] = {}
    for seen in tally.failures(laboratory.flake):
        counts[seen.hash_seed] = counts.get(seen.hash_seed, 0) + 1
    totals = {hash_seed: count + tally.by_hash_seed[hash_seed] for hash_seed, count in counts.items()}
    ranked = sorted(counts, key=lambda hash_seed: -counts[hash_seed] / max(1, totals[hash_seed]))
    clean = [hash_seed for hash_seed in tally.by_hash_seed if hash_seed and hash_seed not in counts]
    seed = laboratory.given.seed
    drawn = [str(trial_seed(seed, number)) for number in range(1_000_000, 1_000_000 + 2 * _HASH_SEEDS)]
    good = [*clean, *reversed(ranked[_HASH_SEEDS:]), *(one for one in drawn if one not in counts)]
    return ranked[:_HASH_SEEDS], good[:_HASH_SEEDS]
