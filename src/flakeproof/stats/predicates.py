"""Which of thousands of predicates separate failing from passing trials, with the family-wise error controlled.

Statistical debugging ranks predicates by their association with failures (B. Liblit, M. Naik, A. X. Zheng, A. Aiken and
M. I. Jordan, "Scalable statistical bug isolation", PLDI 2005). Here each predicate gets the p-value of Fisher's exact
test, and the smallest p-values are compared with their distribution under permutations of the labels "failed" and
"passed": the step-down minP method of P. H. Westfall and S. S. Young, "Resampling-based multiple testing" (1993),
algorithm 2.8. It controls the probability of any false alarm, however the predicates depend on each other.

A predicate is an integer whose bit i is set if it was true in trial i.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from flakeproof.stats.tables import fisher_greater

PERMUTATIONS = 999
_LEAST = 99
_MOST_WORK = 20_000_000
"""Most predicates times permutations, about three seconds."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How well one predicate separates failing from passing trials."""

    pattern: int
    true_failed: int
    """Number of failing trials in which it was true."""
    failed: int
    true_passed: int
    """Number of passing trials in which it was true."""
    passed: int
    p: float
    """Unadjusted two-sided p-value of Fisher's exact test: twice the smaller side."""
    adjusted: float
    """P-value adjusted for all predicates (family-wise error)."""

    @property
    def strength(self) -> float:
        """Share of failing minus share of passing trials in which it was true: 1 and -1 separate them completely."""
        return self.true_failed / self.failed - self.true_passed / self.passed


def separate(
    patterns: Sequence[int], failed: int, trials: int, *, seed: int = 0, goes_on: Callable[[], bool] = lambda: True
) -> list[Separation]:
    """How each of `patterns` separates the trials, in the given order; the bits of `failed` are the failing trials.

    Equal patterns, and complements, are one hypothesis. Once `goes_on` returns false, no more permutations are drawn
    than the smallest adjusted p-value of 0.01 needs; it must not depend on the data. Raises ValueError unless some of
    the `trials` failed and some passed.
    """
    everything = (1 << trials) - 1
    failures = failed.bit_count()
    passes = trials - failures
    if not failures or not passes or failed & ~everything:
        raise ValueError(f"{failures} of {trials} trials failed: there is nothing to tell apart")
    tables: dict[int, list[float]] = {}

    def table_of(pattern: int) -> list[float]:
        """p-values by the number of failing trials in which the predicate was true."""
        true = pattern.bit_count()
        if true not in tables:
            tables[true] = [_two_sided(both, failures, true - both, passes) for both in range(min(true, failures) + 1)]
        return tables[true]

    kinds = sorted({min(pattern, everything ^ pattern) for pattern in patterns} - {0})
    single = {kind: table_of(kind)[(kind & failed).bit_count()] for kind in kinds}
    adjusted = _step_down(single, {kind: table_of(kind) for kind in kinds}, failures, trials, seed, goes_on)
    found = []
    for pattern in patterns:
        kind = min(pattern, everything ^ pattern)
        both = (pattern & failed).bit_count()
        found.append(
            Separation(
                pattern=pattern,
                true_failed=both,
                failed=failures,
                true_passed=pattern.bit_count() - both,
                passed=passes,
                p=single.get(kind, 1.0),
                adjusted=adjusted.get(kind, 1.0),
            )
        )
    return found


def _two_sided(true_failed: int, failed: int, true_passed: int, passed: int) -> float:
    if not 0 <= true_passed <= passed:
        return 1.0
    more = fisher_greater(((true_failed, failed - true_failed), (true_passed, passed - true_passed)))
    fewer = fisher_greater(((failed - true_failed, true_failed), (passed - true_passed, true_passed)))
    return min(1.0, 2 * min(more, fewer))


def _step_down(
    single: Mapping[int, float],
    tables: Mapping[int, list[float]],
    failures: int,
    trials: int,
    seed: int,
    goes_on: Callable[[], bool],
) -> dict[int, float]:
    """Adjusted p-values: each is compared with the smallest permuted one of the hypotheses no more significant."""
    ranked = sorted(single, key=lambda kind: -single[kind])
    rows = [(kind, tables[kind], single[kind]) for kind in ranked]
    most, permutations = max(_LEAST, min(PERMUTATIONS, _MOST_WORK // max(1, len(ranked)))), 0
    exceeded = [0] * len(ranked)
    generator = random.Random(seed)
    places = range(trials)
    while permutations < most and (permutations < _LEAST or goes_on()):
        permutations += 1
        labels = 0
        for place in generator.sample(places, failures):
            labels |= 1 << place
        smallest = 1.0
        for rank, (kind, table, own) in enumerate(rows):
            p = table[(kind & labels).bit_count()]
            if p < smallest:
                smallest = p
            if smallest <= own:
                exceeded[rank] += 1
    adjusted: dict[int, float] = {}
    highest = 0.0
    for kind, count in zip(reversed(ranked), reversed(exceeded), strict=True):
        highest = max(highest, (count + 1) / (permutations + 1))
        adjusted[kind] = highest
    return adjusted


def cut_points(values: Sequence[float], failures: int, most: int = 9) -> list[float]:
    """Thresholds at which `values` may be split, chosen without knowing which trials failed.

    Each lies between neighbouring distinct values: at the ranks with as many values above, or below, as there are
    `failures`, and at `most` evenly spaced ranks.
    """
    ordered = sorted(values)
    total = len(ordered)
    if total < 2 or ordered[0] == ordered[-1]:
        return []
    ranks = {failures, total - failures, *(round(total * part / (most + 1)) for part in range(1, most + 1))}
    found: set[float] = set()
    for rank in ranks:
        for low in (rank - 1, rank, rank - 2):
            if 0 <= low < total - 1 and ordered[low] < ordered[low + 1]:
                found.add((ordered[low] + ordered[low + 1]) / 2)
                break
    return sorted(found)
