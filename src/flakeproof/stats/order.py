"""Whether failures come at random in the order of the trials, from the places of the failures alone.

Places count from 1 to the number of trials, and are given in order. Under independence, every set of so many places is
equally likely, whatever the rate. The work grows with the failures, perhaps thousands, and not with the trials, perhaps
millions.
"""

import bisect
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from flakeproof.stats.dispersion import MOST_FAILURES, simulated_p
from flakeproof.stats.tables import fisher_greater, log_choose


@dataclass(frozen=True, slots=True)
class Following:
    """How often a failure or a pass follows a failure or a pass: the table of neighbouring trials."""

    failed_after_failed: int
    passed_after_failed: int
    failed_after_passed: int
    passed_after_passed: int

    @property
    def p(self) -> float:
        """The p-value for "a failure follows a failure too often": Fisher's exact test, one-sided."""
        return fisher_greater(
            (
                (self.failed_after_failed, self.passed_after_failed),
                (self.failed_after_passed, self.passed_after_passed),
            )
        )

    @property
    def correlation(self) -> float:
        """The correlation of neighbours: the phi coefficient of the table; 0 if it is undefined."""
        a, b, c, d = (
            self.failed_after_failed,
            self.passed_after_failed,
            self.failed_after_passed,
            self.passed_after_passed,
        )
        product = (a + b) * (c + d) * (a + c) * (b + d)
        return (a * d - b * c) / math.sqrt(product) if product else 0.0


def following(places: Sequence[int], trials: int) -> Following:
    """The table of neighbouring trials. Raises ValueError."""
    _check(places, trials)
    both = sum(after - before == 1 for before, after in itertools.pairwise(places))
    first, last = bool(places) and places[0] == 1, bool(places) and places[-1] == trials
    a, b, c = both, len(places) - both - last, len(places) - both - first
    return Following(a, b, c, max(0, trials - 1 - a - b - c))


def runs(places: Sequence[int], trials: int) -> int:
    """The number of uninterrupted runs of failures or of passes. Raises ValueError."""
    _check(places, trials)
    if not places:
        return min(trials, 1)
    blocks = 1 + sum(after - before > 1 for before, after in itertools.pairwise(places))
    return 2 * blocks + 1 - (places[0] == 1) - (places[-1] == trials)


def few_runs(seen: int, failures: int, passes: int) -> float:
    """The p-value for "failures come in bursts": the exact probability of at most `seen` runs.

    With a failures and b passes, P(2j) = 2 C(a-1, j-1) C(b-1, j-1) / C(a+b, a), and P(2j+1) = (C(a-1, j) C(b-1, j-1) +
    C(a-1, j-1) C(b-1, j)) / C(a+b, a): A. Wald and J. Wolfowitz, Annals of Mathematical Statistics 11 (1940) 147-162.
    """
    if not failures or not passes:
        return 1.0
    everything = log_choose(failures + passes, failures)

    def term(of_failures: int, of_passes: int) -> float:
        """The probability of so many runs of each, if a given one of the two comes first."""
        if of_failures > failures or of_passes > passes:
            return 0.0
        ways = log_choose(failures - 1, of_failures - 1) + log_choose(passes - 1, of_passes - 1)
        return math.exp(ways - everything)

    terms = []
    for half in range(1, seen // 2 + 1):
        terms.append(2 * term(half, half))
        if 2 * half + 1 <= seen:
            terms += (term(half + 1, half), term(half, half + 1))
    return min(1.0, math.fsum(terms))


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """The place where the rates before and after differ most."""

    p: float
    """The p-value for "the rate changed", by a permutation test."""
    place: int
    """The last trial before the change."""
    failures: int
    """The number of failures up to that trial."""


def drift(places: Sequence[int], trials: int, seed: int = 0) -> ChangePoint:
    """The permutation test of the largest CUSUM, max |failures up to t - k t / n|, drawn from `seed`.

    E. S. Page, Biometrika 41 (1954) 100-115. Raises ValueError.
    """
    _check(places, trials)
    if not places or len(places) == trials:
        return ChangePoint(1.0, trials, len(places))
    _, place = _cusum(places, trials)
    import random  # takes longer to import than the rest, and few runs need it

    chance = random.Random(seed)
    chosen = sorted(chance.sample(list(places), MOST_FAILURES)) if len(places) > MOST_FAILURES else places
    seen, _ = _cusum(chosen, trials)
    numbers = range(1, trials + 1)
    p = simulated_p(lambda: _cusum(sorted(chance.sample(numbers, len(chosen))), trials)[0] >= seen)
    return ChangePoint(p, place, bisect.bisect_right(places, place))


def blocks(places: Sequence[int], trials: int, wanted: int = 30) -> tuple[list[int], list[int]]:
    """Failures and trials of `wanted` consecutive batches of about equal size, from which the variance is estimated.

    B. Schmeiser, Operations Research 30 (1982) 556-568, for 10 to 30 batches. Raises ValueError.
    """
    _check(places, trials)
    wanted = max(1, min(wanted, trials // 2))
    edges = [trials * number // wanted for number in range(wanted + 1)]
    upto = [bisect.bisect_right(places, edge) for edge in edges]
    pairs = range(wanted)
    return [upto[at + 1] - upto[at] for at in pairs], [edges[at + 1] - edges[at] for at in pairs]


def _cusum(places: Sequence[int], trials: int) -> tuple[int, int]:
    """n times the largest excursion, and the trial after which it is reached."""
    failures = len(places)
    most, where = 0, trials
    for before, place in enumerate(places):
        # The sum is lowest just before a failure, and highest just after it.
        low, high = failures * (place - 1) - trials * before, trials * (before + 1) - failures * place
        if low > most:
            most, where = low, place - 1
        if high > most:
            most, where = high, place
    return most, where


def _check(places: Sequence[int], trials: int) -> None:
    if places and not 1 <= places[0] <= places[-1] <= trials:
        raise ValueError(f"places must be from 1 to {trials}, got {places[0]} to {places[-1]}")
    if any(after <= before for before, after in itertools.pairwise(places)):
        raise ValueError("places must be in order, each once")
