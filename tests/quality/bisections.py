"""Bisections of histories that are only simulated: who is the culprit is known, and a trial is a draw."""

import math
import random
from dataclasses import dataclass

from flakeproof.stats.ancestry import Ancestry, members
from flakeproof.stats.next_commit import choose
from flakeproof.stats.onset import GOOD, Onset
from flakeproof.stats.two_rates import Count

MOST_VISITS = 5000


@dataclass(frozen=True)
class World:
    """A history with a flake in it."""

    commits: int
    before: float
    """Failure rate of commits that are not affected."""
    since: float
    merges: float = 0.0
    """Part of the commits that join two branches."""
    skips: float = 0.0
    """Part of the commits that cannot be tried."""
    drift: float = 0.0
    """The rates of a commit wander: standard deviation of their log odds."""
    changes: bool = True
    """Whether there is a culprit; without one all fail at the rate before."""
    ready: float = 0.0
    """Trials that getting a commit ready takes as long as."""

    def parents(self, draws: random.Random) -> list[list[int]]:
        """Of each commit."""
        found: list[list[int]] = [[]]
        heads = [0]
        for number in range(1, self.commits):
            last = number == self.commits - 1
            if len(heads) > 1 and (last or draws.random() < self.merges):
                joined = sorted(heads) if last else sorted(draws.sample(heads, 2))
                found.append(joined)
                heads = [head for head in heads if head not in joined]
            elif self.merges and not last and draws.random() < self.merges:
                found.append([draws.choice(range(max(0, number - 10), number))])
                heads = [head for head in heads if head not in found[-1]]
            else:
                found.append([draws.choice(heads)])
                heads.remove(found[-1][0])
            heads.append(number)
        return found


@dataclass(frozen=True)
class Bisected:
    """What came of one."""

    right: bool
    """The culprit is the answer, or in the set that cannot be told apart; or no change, where there is none."""
    said: float
    """The probability that the answer was given with."""
    trials: int
    visits: int


def bisect(world: World, seed: int, error: float, *, certain: bool = False) -> Bisected:
    """One, from its first trial to its answer."""
    draws = random.Random(seed)
    ancestry = Ancestry(world.parents(draws))
    culprit = draws.randrange(world.commits)
    untestable = {number for number in range(world.commits - 1) if draws.random() < world.skips}
    wander = [math.exp(draws.gauss(0, world.drift)) for _ in range(world.commits + 1)]
    onset, skipped = Onset(ancestry, certain=certain), set[int]()
    trials = 0

    def rate(commit: int) -> float:
        affected = world.changes and commit != GOOD and ancestry.of(commit) >> culprit & 1
        plain = world.since if affected else world.before
        odds = plain / (1 - plain) * wander[commit]
        return odds / (1 + odds)

    for visits in range(MOST_VISITS):
        if onset.no_change > 1 - error:
            return Bisected(not world.changes, onset.no_change, trials, visits)
        top = onset.culprits[0] if visits else None
        if top is not None and top.probability > 1 - error:
            testable = [number for number in range(world.commits) if number not in skipped]
            if onset.is_one(top.bits, testable):
                right = world.changes and culprit in members(top.bits)
                return Bisected(right, top.probability, trials, visits)
        best = choose(onset, lambda commit: commit not in skipped, lambda commit: world.ready, 1.0)
        if best is None or onset.other_way > 1 - error:
            return Bisected(False, 0.0, trials, visits)
        if best.commit in untestable:
            skipped.add(best.commit)
            continue
        count = Count()
        for _ in range(best.trials):
            failed = draws.random() < rate(best.commit)
            count += Count(int(failed), int(not failed))
            if failed and best.stops:
                break
        trials += count.trials
        onset.add(best.commit, count)
    return Bisected(False, 0.0, trials, MOST_VISITS)


def entropy_bound(world: World) -> float:
    """Trials that no policy can do with less on average, were both rates known: bits to learn by bits in a trial.

    Infinite where nothing changes.

    A trial tells at most the capacity of the channel from "affected or not" to "failed or not" (Shannon 1948).
    """

    def entropy(part: float) -> float:
        return -sum(one * math.log2(one) for one in (part, 1 - part) if one > 0)

    def told(affected: float) -> float:
        mixed = affected * world.since + (1 - affected) * world.before
        return entropy(mixed) - affected * entropy(world.since) - (1 - affected) * entropy(world.before)

    capacity = max(told(part / 1000) for part in range(1, 1000))
    return math.log2(world.commits) / capacity if capacity > 0 else math.inf
