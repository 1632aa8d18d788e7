"""What fails together: clusters of tests by the jobs in which they failed, and groups of jobs in which too much failed.

Similarity is Jaccard's index of the jobs in which two tests failed; clusters come from average linkage (Sokal and
Michener 1958), as in the study of systemic flakiness, arXiv 2504.16777. A pair counts only if chance would hardly
bring so many common jobs about (Fisher's exact test, Bonferroni).
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from flakeproof.stats.tables import fisher_greater

LEAST_SIMILAR = 0.25
_ERROR = 0.001
_MOST_IN_JOB = 60
"""Tests that fail in one job beyond which it tells of the job and not of the tests."""
_LEAST_TIMES = 4.0
_LEAST_COUNT = 5


@dataclass(frozen=True)
class FailingTogether:
    """Tests that fail in the same jobs."""

    tests: tuple[str, ...]
    jobs: int
    """Jobs in which at least two of them failed …"""
    any_jobs: int
    """… of those in which one did."""
    similarity: float
    """Mean Jaccard index over its pairs."""


def failing_together(failed_in: Mapping[str, Set[int]], jobs: int) -> list[FailingTogether]:
    """The clusters among tests that failed in these of so many `jobs`, the largest first."""
    by_job: dict[int, list[str]] = {}
    for test, places in sorted(failed_in.items()):
        for place in places:
            by_job.setdefault(place, []).append(test)
    common: Counter[tuple[str, str]] = Counter()
    for tests in by_job.values():
        if 1 < len(tests) <= _MOST_IN_JOB:
            for at, one in enumerate(tests):
                for other in tests[at + 1 :]:
                    common[one, other] += 1
    count = len(failed_in)
    level = _ERROR / max(1, count * (count - 1) // 2)
    similar: dict[tuple[str, str], float] = {}
    for (one, other), both in common.items():
        first, second = len(failed_in[one]), len(failed_in[other])
        index = both / (first + second - both)
        if both < 2 or index < LEAST_SIMILAR:
            continue
        table = ((both, first - both), (second - both, max(0, jobs - first - second + both)))
        if fisher_greater(table) <= level:
            similar[one, other] = index
    found = []
    for members in _linked(similar):
        hits = Counter(place for test in members for place in failed_in[test])
        pairs = [similar.get((one, other), 0.0) for at, one in enumerate(members) for other in members[at + 1 :]]
        found.append(
            FailingTogether(
                tuple(members),
                sum(times > 1 for times in hits.values()),
                len(hits),
                sum(pairs) / len(pairs),
            )
        )
    return sorted(found, key=lambda one: (-len(one.tests), -one.jobs, one.tests))


def _linked(similar: Mapping[tuple[str, str], float]) -> list[list[str]]:
    """Clusters by average linkage: two are joined as long as their members are similar enough on average."""
    groups: dict[str, list[str]] = {}
    for pair in similar:
        for test in pair:
            groups.setdefault(test, [test])
    sums: dict[frozenset[str], float] = {frozenset(pair): index for pair, index in similar.items()}
    while sums:
        best = max(
            sums,
            key=lambda pair: (sums[pair] / math.prod(len(groups[one]) for one in pair), sorted(pair)),
        )
        one, other = sorted(best)
        if sums[best] / (len(groups[one]) * len(groups[other])) < LEAST_SIMILAR:
            break
        del sums[best]
        groups[one] += groups.pop(other)
        for linked in [linked for linked in sums if other in linked]:
            index = sums.pop(linked)
            joined = (linked - {other}) | {one}
            sums[joined] = sums.get(joined, 0.0) + index
    return [sorted(group) for group in groups.values() if len(group) > 1]


def excesses(seen: Sequence[tuple[int, float]], error: float = 0.001) -> list[bool]:
    """Of groups of runs, each with failures seen and expected, which have far more than chance gives.

    At least 5, 4 times the expected ones, and more than a Poisson number of that mean has with probability `error` in
    any of the groups (Bonferroni).
    """
    level = math.log(error / max(1, len(seen)))
    return [
        count >= _LEAST_COUNT and count >= _LEAST_TIMES * expected and _log_poisson_tail(count, expected) < level
        for count, expected in seen
    ]


def _log_poisson_tail(count: int, mean: float) -> float:
    """Logarithm of the probability of at least `count` above the `mean`."""
    if mean <= 0:
        return -math.inf if count else 0.0
    log_first = count * math.log(mean) - mean - math.lgamma(count + 1)
    total, term = 1.0, 1.0
    for further in range(1, 1000):
        term *= mean / (count + further)
        total += term
        if term < 1e-12 * total:
            break
    return min(0.0, log_first + math.log(total))
