"""What a bisection does next: a pure function of what is asked for and of what has happened.

The same record leads to the same decision: that is how an interrupted bisection goes on, and one is told again.
"""

import math
from collections import Counter
from dataclasses import dataclass, field

from flakeproof.failures.signature import Alike
from flakeproof.features.onset.records import AnyBisectEvent, BisectAnswer, BisectSpec, Compared, Skipped, Visited
from flakeproof.revisions.commits import Range
from flakeproof.stats.ancestry import Ancestry, members
from flakeproof.stats.next_commit import choose
from flakeproof.stats.onset import GOOD, Onset
from flakeproof.stats.two_rates import Count

LIKELY = 0.9
"""Together, the commits that are told to be left."""
LIKELIER = 4.0
"""How many times as likely a commit is beforehand that touches what is suspected."""
READY = 8
"""Checkouts that are kept ready, those visited last."""
_LONGEST_VISIT = 60.0
_MOST_TRIALS = 1024
_FIRST_TRIALS = 64
_FIRST_EACH, _FIRST_START, _FIRST_CHECKOUT = 0.1, 1.0, 2.0
"""Seconds of a trial, of the start of a visit and of a checkout with its build, until they are known."""
_COMPARISONS = 2
_ALWAYS = 8
"""Tests of a commit after which, if all of them failed otherwise than what is looked for, it will go on like that."""
_LEAST_BITS = 1e-5
"""What is expected to tell less than this tells nothing."""


@dataclass(frozen=True)
class Visit:
    """Try a commit next."""

    commit: str
    trials: int
    stops: bool
    """Whether the first failure ends the visit."""
    bits: float
    why: str


@dataclass(frozen=True)
class Compare:
    """Run the likeliest commit and its parent in turns next."""

    culprit: str
    parent: str


@dataclass(frozen=True)
class End:
    """There is an answer."""

    answer: BisectAnswer
    bits: int = 0
    """The commits that it names, a bit for each."""
    probability: float = 0.0
    confirmed: bool | None = None


@dataclass
class BisectSearch:
    """All that is known of a bisection."""

    spec: BisectSpec
    between: Range
    skipped: dict[str, str] = field(default_factory=dict)
    comparisons: list[Compared] = field(default_factory=list)
    visits: list[Visited] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)
    """Of the failures that count; empty until one was seen where it must be seen."""
    message: str = ""
    others: int = 0
    """Trials that failed in another way only."""
    seconds: float = 0.0
    _otherwise: Counter[str] = field(default_factory=Counter)
    """By commit."""

    def __post_init__(self) -> None:
        self.signatures = list(self.spec.signatures)
        self._alike = Alike(self.spec.signatures)
        absent = self.spec.absent
        # Where there is no test none fails: the good end is good for sure, and what the test does begins with the test.
        begins = self.spec.good in absent
        self.onset = Onset(
            Ancestry(self.between.parents),
            rises=not self.spec.fixed,
            likelier=self.spec.likelier,
            times=LIKELIER,
            certain=begins,
            innocent=[self.number(commit) for commit in absent if commit != self.spec.good] if begins else (),
        )
        self.skipped = dict.fromkeys(absent, "the test is not there")

    @property
    def failing_end(self) -> str:
        """The revision that is said to fail, or to fail more often."""
        return self.spec.good if self.spec.fixed else self.spec.bad

    def hear(self, event: AnyBisectEvent) -> None:
        """Take in what has happened."""
        match event:
            case Visited():
                self.seconds += event.ready + event.seconds
                self.visits.append(event)
                if not self.signatures and event.failures and event.commit == self.failing_end:
                    self.signatures = [Counter(name for names in event.failures for name in names).most_common(1)[0][0]]
                    self.message = event.message
                failed = self.counted(event)
                if failed and not self.message:
                    self.message = event.message
                self._count_others(event, len(event.failures) - failed)
                self.onset.add(self.number(event.commit), Count(failed, event.passed))
                self._skip_if_always_otherwise(event)
            case Skipped():
                self.seconds += event.seconds
                self.skipped[event.commit] = event.reason
            case Compared():
                self.seconds += event.seconds
                self.comparisons.append(event)
                self.onset.add(self.number(event.culprit), Count(event.culprit_failed, event.culprit_passed))
                self.onset.add(self.number(event.parent), Count(event.parent_failed, event.parent_passed))

    def _count_others(self, visit: Visited, others: int) -> None:
        self.others += others
        self._otherwise[visit.commit] += others

    def _skip_if_always_otherwise(self, visit: Visited) -> None:
        """Where every test fails in another way, none will tell anything: it is skipped like one that cannot be tried.

        The end that has to fail is not: there the failures are those that count.
        """
        commit = visit.commit
        always = self._otherwise[commit] >= _ALWAYS and not self.trials_of(commit).trials
        if always and commit != self.failing_end and self.signatures:
            self.skipped[commit] = f"every test fails there in another way: {visit.message}"

    def counted(self, visit: Visited) -> int:
        """The trials of a visit that failed in the way that counts."""
        wanted = set(self.signatures)
        return sum(not wanted.isdisjoint(self._alike.names(names)) for names in visit.failures)

    def number(self, commit: str) -> int:
        """The number of a commit in the history; what is not in the range is as good as the good end."""
        return self.between.places.get(commit, GOOD)

    def trials_of(self, commit: str) -> Count:
        """What was counted at a commit."""
        return self.onset.counts.get(self.number(commit), Count())

    def next(self) -> Visit | Compare | End:
        """What to do next."""
        failing = self.trials_of(self.failing_end)
        if not failing.failed:
            # Until it has failed once there is nothing to look for elsewhere.
            needed = math.ceil(math.log(self.spec.error) / math.log1p(-self.spec.rate)) - failing.passed
            if needed <= 0:
                return End(BisectAnswer.NEVER)
            trials = min(needed, _FIRST_TRIALS if not failing.trials else self._most())
            return Visit(self.failing_end, trials, True, 0.0, "it has to fail there")
        sure = 1 - self.spec.error
        onset = self.onset
        if onset.no_change > sure:
            return End(BisectAnswer.NO_CHANGE, probability=onset.no_change)
        if onset.other_way > sure:
            return End(BisectAnswer.OTHER_WAY, probability=onset.other_way)
        culprits = onset.culprits
        if culprits and culprits[0].probability > sure:
            top = culprits[0]
            if onset.is_one(top.bits, self._testable() if top.bits.bit_count() > 1 else ()):
                return self._conclude(top.bits, top.probability)
        return self._explore()

    def _conclude(self, bits: int, probability: float) -> Compare | End:
        found = members(bits)
        answer = BisectAnswer.FOUND if len(found) == 1 else BisectAnswer.SET
        culprit = self.between.commits[found[-1]]
        earlier = [one for one in self.comparisons if one.culprit == culprit]
        if any(one.confirmed for one in earlier):
            return End(answer, bits, probability, confirmed=True)
        if len(earlier) >= _COMPARISONS or (earlier and earlier[-1].confirmed is None):
            return End(answer, bits, probability, confirmed=earlier[-1].confirmed)
        parent = self.between.first_parent(self.between.commits[found[0]])
        if not parent or culprit in self.skipped or parent in self.skipped:
            return End(answer, bits, probability)
        return Compare(culprit, parent)

    def _explore(self) -> Visit | End:
        known = {visit.commit for visit in self.visits}
        recent = list(dict.fromkeys(visit.commit for visit in reversed(self.visits)))[:READY]
        start, checkout = self._start(), self._checkout()
        hindered = self.skipped.keys() - set(self.spec.absent)
        tried, skips = len(known) + 1, len(hindered)
        usual = tried / (tried + skips)
        beside = {self.number(commit) + step for commit in hindered for step in (-1, 1)}

        def works(number: int) -> float:
            if self._id(number) in known:
                return 1.0
            return usual / 2 if number in beside else usual

        best = choose(
            self.onset,
            lambda number: self._id(number) not in self.skipped,
            lambda number: start + (0.0 if self._id(number) in recent else checkout),
            self.each(),
            works,
            self._most(),
        )
        if best is None or best.bits < _LEAST_BITS or not self._can_learn():
            top = self.onset.culprits
            return End(BisectAnswer.OPEN, top[0].bits if top else 0, top[0].probability if top else 0.0)
        why = f"expected to tell {best.bits:.2f} bits in {best.seconds:.1f} s"
        return Visit(self._id(best.commit), best.trials, best.stops, best.bits, why)

    def _can_learn(self) -> bool:
        """Whether anything but the failing end can be run: what that does alone says nothing of the others."""
        others = {*self.between.commits, self.spec.good} - {self.failing_end}
        return not others <= self.skipped.keys()

    def _id(self, number: int) -> str:
        return self.spec.good if number == GOOD else self.between.commits[number]

    def _testable(self) -> list[int]:
        return [place for place, commit in enumerate(self.between.commits) if commit not in self.skipped]

    def each(self) -> float:
        """Seconds of a trial."""
        trials = sum(visit.passed + len(visit.failures) for visit in self.visits)
        return max(1e-6, sum(visit.seconds for visit in self.visits) / trials) if trials else _FIRST_EACH

    def _start(self) -> float:
        known = sorted(visit.ready for visit in self.visits if visit.was_ready)
        return known[len(known) // 2] if known else _FIRST_START

    def _checkout(self) -> float:
        known = sorted(visit.ready for visit in self.visits if not visit.was_ready)
        return max(0.0, known[len(known) // 2] - self._start()) if known else _FIRST_CHECKOUT

    def _most(self) -> int:
        """Trials in a visit: so many that one hears of it within a minute."""
        return max(1, min(_MOST_TRIALS, int(_LONGEST_VISIT / self.each())))
