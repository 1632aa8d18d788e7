"""At which commits the failure rate of a test changed, and between which ones that was for sure.

One change against none by the Beta-binomial likelihoods of both sides, with Jeffreys' prior for each rate and each
place equally likely: Smith, Biometrika 62 (1975) 407-416. Several changes by binary segmentation: Scott and Knott,
Biometrics 30 (1974) 507-512.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

_CERTAIN = 0.95
_MOST = 8
_LEAST_FAILURES = 3


@dataclass(frozen=True)
class RateShift:
    """One change; places are indices into the cells that were given."""

    place: int
    """The first cell after the change, where it is likeliest."""
    low: int
    high: int
    """The first and the last of those cells, with the stated confidence."""
    before: tuple[int, int]
    after: tuple[int, int]
    """Failures and runs on both sides, up to the next change."""
    probability: float
    """That there is a change here at all."""


def rate_changes(cells: Sequence[tuple[int, int]], confidence: float = 0.95) -> list[RateShift]:
    """The changes along `cells` of (failures, runs), in their order; each is more than 95 % probable.

    `confidence` is that of the range of places.
    """
    failures = [0, *accumulate(failed for failed, _ in cells)]
    runs = [0, *accumulate(tried for _, tried in cells)]
    places: list[tuple[int, int, int, float]] = []
    _split(failures, runs, 0, len(cells), confidence, places)
    places.sort()
    ends = [0, *(place for place, *_ in places), len(cells)]
    counts = [(failures[last] - failures[first], runs[last] - runs[first]) for first, last in pairwise(ends)]
    return [
        RateShift(place, low, high, counts[at], counts[at + 1], probability)
        for at, (place, low, high, probability) in enumerate(places)
    ]


def _split(
    failures: Sequence[int],
    runs: Sequence[int],
    first: int,
    last: int,
    confidence: float,
    found: list[tuple[int, int, int, float]],
) -> None:
    total, tried = failures[last] - failures[first], runs[last] - runs[first]
    if last - first < 2 or total < _LEAST_FAILURES or len(found) >= _MOST:
        return
    whole = _log_marginal(total, tried)
    logs = []
    for place in range(first + 1, last):
        failed, here = failures[place] - failures[first], runs[place] - runs[first]
        logs.append(_log_marginal(failed, here) + _log_marginal(total - failed, tried - here) - whole)
    highest = max(logs)
    weights = [math.exp(one - highest) for one in logs]
    mass = sum(weights)
    log_evidence = highest + math.log(mass / len(logs))
    probability = 1.0 if log_evidence > 700 else math.exp(log_evidence) / (1 + math.exp(log_evidence))
    if probability < _CERTAIN:
        return
    by_weight = sorted(range(len(weights)), key=lambda place: (-weights[place], place))
    kept, share = [], 0.0
    for place in by_weight:
        kept.append(place)
        share += weights[place] / mass
        if share >= confidence:
            break
    at = first + 1 + by_weight[0]
    found.append((at, first + 1 + min(kept), first + 1 + max(kept), probability))
    _split(failures, runs, first, at, confidence, found)
    _split(failures, runs, at, last, confidence, found)


def _log_marginal(failed: int, tried: int) -> float:
    """Probability of one sequence with so many failures, its rate drawn from Beta(1/2, 1/2), in logarithms."""
    return math.lgamma(failed + 0.5) + math.lgamma(tried - failed + 0.5) - math.lgamma(tried + 1) - math.log(math.pi)
