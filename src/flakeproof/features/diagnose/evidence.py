"""What experiments have told, as numbers: from here on no trial is run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flakeproof.features.diagnose.differences.explain import Explanation
from flakeproof.features.diagnose.failure_under_study import Flake
from flakeproof.features.diagnose.observed_calls import Witnessed
from flakeproof.features.diagnose.records import Place
from flakeproof.results.sanitizer_findings import SightingSummary
from flakeproof.stats.dispersion import clustering, design_effect, grouping
from flakeproof.stats.intervals import Interval, clopper_pearson
from flakeproof.stats.tables import fisher_greater, holm

GIVEN, ALONE = "as given", "alone"
COMPANY, SHUFFLED = "company", "shuffled"
SHARED, PARALLEL, BUSY, FRESH = "shared", "parallel", "busy", "fresh"
AGAIN = "again"
SEEDS_AGAIN = "seeds again"
SANITIZED = "sanitized"
RACE, CLOCK = "race", "clock"
TRACED = "recorded"
PROVOKED = "provoked"
DRAWN = "drawn"
PAUSED = "paused"
PATIENT = "longer limits"
STANDING = "clock standing"
MEASURED, MEASURED_MORE = "measured time", "more measured time"
ADDRESSES = "addresses"
LISTED_SORTED, LISTED_OLDEST = "folders by name", "folders by age"
LISTED_SHUFFLED = "folders shuffled"
UNCOLLECTED, COLLECTED = "no garbage collected", "garbage collected"
AWAITED = "awaited"

SIGNIFICANT = 0.01
"""A difference is told from chance below this, after the correction for all comparisons made."""
CONFIDENCE = 0.95


def control_of(name: str) -> str:
    """The trials that an experiment is compared with, made in turns with it."""
    return f"{name}, control"


@dataclass(frozen=True)
class Counts:
    """Trials under one setting."""

    setting: str
    failed: int
    """With the flake."""
    trials: int
    against: str = ""
    processes: Sequence[tuple[int, int]] = ()
    """Failures and trials of each process, where its trials are forks of it."""
    other: int = 0
    """Trials that failed in another way."""

    @cached_property
    def correlation(self) -> float:
        """How alike the trials of a process are, if they are beyond doubt; else 0."""
        groups = [(failed, trials) for failed, trials in self.processes if trials]
        if len(groups) < 2:
            return 0.0
        failures, sizes = [failed for failed, _ in groups], [trials for _, trials in groups]
        return design_effect(failures, sizes).correlation if clustering(failures, sizes) <= SIGNIFICANT else 0.0

    def worth(self, correlation: float) -> float:
        """The part of a trial that each of them tells as much as, where those of a process are so much alike."""
        told = sum(trials / (1 + (trials - 1) * correlation) for _, trials in self.processes if trials)
        return min(1.0, told / self.trials) if correlation and told and self.trials else 1.0

    @property
    def rate(self) -> float:
        """Share of the flake; 0 without trials."""
        return self.failed / self.trials if self.trials else 0.0

    @property
    def interval(self) -> Interval:
        """The exact one, 95 %."""
        return clopper_pearson(self.failed, self.trials, CONFIDENCE)


@dataclass(frozen=True)
class Level:
    """One seed, and the trials that ran again under it."""

    had_failed: bool
    """Whether it is here because it had failed before."""
    failed: int
    trials: int
    processes: Sequence[tuple[int, int]] = ()
    """Failures and trials of each new process, where a seed is one of the process."""


@dataclass(frozen=True)
class Factor:
    """What the outcome may hang on."""

    levels: Sequence[Level]

    @cached_property
    def again(self) -> tuple[int, int]:
        """Failures and trials of what had failed before."""
        return _sum([level for level in self.levels if level.had_failed])

    @cached_property
    def others(self) -> tuple[int, int]:
        """Failures and trials of what had passed before."""
        return _sum([level for level in self.levels if not level.had_failed])

    @cached_property
    def p(self) -> float:
        """Of outcomes that are so much alike for one seed and so different between two, by chance.

        Whatever else a process fixes once makes its trials alike as well: of a seed of the process only several
        processes under the same seed tell, each as one.
        """
        if any(level.processes for level in self.levels):
            return grouping([[failed / trials for failed, trials in level.processes] for level in self.levels])
        failures, trials = [level.failed for level in self.levels], [level.trials for level in self.levels]
        if not 0 < sum(failures) < sum(trials):
            return 1.0
        return min(1.0, clustering(failures, trials))

    def processes(self, *, had_failed: bool) -> tuple[float, int]:
        """What seeds that had failed, or had not, make of processes: their shares of failures, added up; how many."""
        found = [one for level in self.levels if level.had_failed == had_failed for one in level.processes]
        return sum(failed / trials for failed, trials in found), len(found)

    @cached_property
    def is_clustered(self) -> bool:
        """Whether failures cluster in processes."""
        found = [one for level in self.levels for one in level.processes]
        if len(found) < 2:
            return False
        return clustering([failed for failed, _ in found], [trials for _, trials in found]) <= SIGNIFICANT

    @property
    def is_decisive(self) -> bool:
        """Whether each one always, or never, fails, and both kinds are there."""
        always = sum(level.failed == level.trials for level in self.levels)
        never = sum(level.failed == 0 for level in self.levels)
        return always + never == len(self.levels) and always > 0 and never > 0


def _sum(levels: Sequence[Level]) -> tuple[int, int]:
    return sum(level.failed for level in levels), sum(level.trials for level in levels)


@dataclass(frozen=True)
class Line:
    """A line of code at which a pause changes the rate."""

    place: Place
    text: str
    """With the numbers."""
    in_coroutine: bool
    option: str
    """Of `flakeproof run`, which makes the pause."""


@dataclass(frozen=True)
class Provocation:
    """The setting that a search among all perturbations has come to."""

    text: str
    """With the numbers."""
    factors: Sequence[str]
    """What is switched on in it: names of perturbations."""
    options: str
    """Of `flakeproof run`."""


@dataclass(frozen=True)
class Polluters:
    """What a search among other tests has found."""

    text: str
    names: Sequence[str]
    carriers: Sequence[str]
    place: Place | None
    """The line that leaves it behind, else the test."""
    is_brittle: bool
    is_explained: bool
    """Whether it is known what they leave behind: putting it back undoes the effect."""
    leaves_work: bool
    """Whether that is a thread or a task which goes on."""
    confirmed: bool
    command: str
    """Words of this program that repeat it."""


@dataclass(frozen=True)
class Repeated:
    """Trials of a test, one after the other in one process, where nothing else has run."""

    first: tuple[int, int]
    """Failures and trials among the first of each process …"""
    later: tuple[int, int]
    """… and among the others, before which it has run."""

    @cached_property
    def p(self) -> float:
        """Of so many more failures among the others, by chance."""
        (failed, trials), (first_failed, first) = self.later, self.first
        return fisher_greater(((failed, trials - failed), (first_failed, first - first_failed)))


@dataclass(frozen=True)
class Evidence:
    """All of it."""

    flake: Flake | None = None
    arms: Mapping[str, Counts] = field(default_factory=dict)
    seeds: Factor | None = None
    hash_seeds: Factor | None = None
    reseeded: bool = False
    """Whether `seeds` are those of trials in which what no seed reaches otherwise was drawn from them as well."""
    sightings: Sequence[SightingSummary] = ()
    sanitized: bool = False
    """Whether sanitizers watched at all."""
    failed_watched: int = 0
    """Trials with the flake that they watched."""
    polluters: Polluters | None = None
    repeated: Repeated | None = None
    itself: Polluters | None = None
    """The test as its own polluter: what it leaves behind, and what that does to it."""
    line: Line | None = None
    paused: Line | None = None
    """Where recorded trials differ, and a pause was seen to make it fail."""
    provocation: Provocation | None = None
    differences: Sequence[Explanation] = ()
    witnessed: Witnessed = field(default_factory=Witnessed)
    has_company: bool = True
    """Whether there are other tests that it runs among, as far as is known."""
    shares: bool = False
    """Whether, as it was given, several trials at once share a process."""

    def arm(self, name: str) -> Counts:
        """Trials of an experiment; none if it was not made."""
        return self.arms.get(name, Counts(setting=name, failed=0, trials=0))

    @cached_property
    def _adjusted(self) -> Mapping[tuple[str, str], float]:
        """All p-values of this diagnosis, corrected together."""
        found: dict[tuple[str, str], float] = {}
        for name, arm in self.arms.items():
            other = self.arms.get(arm.against)
            if other is not None and arm.trials and other.trials:
                found[name, "rises"] = _fisher(arm, other)
                found[name, "falls"] = _fisher(other, arm)
        parallel, busy = self.arm(PARALLEL), self.arm(BUSY)
        if parallel.trials and busy.trials:
            found[PARALLEL, "exceeds"] = _fisher(parallel, busy)
        if self.repeated is not None:
            found[AGAIN, "repeats"] = self.repeated.p
        for factor_name, factor in (("seeds", self.seeds), ("hash seeds", self.hash_seeds)):
            if factor is not None:
                found[factor_name, "differs"] = factor.p
        keys = list(found)
        return dict(zip(keys, holm([found[key] for key in keys]), strict=True))

    def p(self, name: str, way: str) -> float | None:
        """The corrected p-value of a comparison, None where it was not made."""
        return self._adjusted.get((name, way))

    def is_significant(self, name: str, way: str) -> bool:
        """Whether the difference is hardly chance."""
        p = self.p(name, way)
        return p is not None and p <= SIGNIFICANT

    def is_undone(self, name: str) -> bool:
        """Whether it fails less often, and passes more often: another failure in its place undoes nothing."""
        arm = self.arm(name)
        control = self.arm(arm.against)
        passes, other = ((one.trials - one.failed - one.other, one.failed + one.other) for one in (arm, control))
        return self.is_significant(name, "falls") and fisher_greater((passes, other)) <= SIGNIFICANT

    @property
    def outlasts_limits(self) -> bool:
        """Whether it fails as well where waits may take far longer: then it waits for what never comes."""
        return self.arm(PATIENT).failed >= _NO_ACCIDENT

    @property
    def comparisons(self) -> int:
        """How many were made."""
        return len(self._adjusted)

    @cached_property
    def highest(self) -> float:
        """The rate of the flake in the experiment in which it was most frequent."""
        return max((arm.rate for arm in self.arms.values() if arm.trials >= _ENOUGH), default=0.0)

    def would_have_shown(self, name: str) -> bool:
        """Whether an experiment would have shown the flake (95 %) at half of its highest rate, and did not at all."""
        arm = self.arm(name)
        return arm.failed == 0 and self.highest > 0 and (1 - self.highest / 2) ** arm.trials <= 1 - CONFIDENCE


_ENOUGH = 8
_NO_ACCIDENT = 3
"""Failures that so long a limit does not have by the machine alone."""


def awaitable(sightings: Sequence[SightingSummary]) -> list[SightingSummary]:
    """Children, or else threads, that were left behind in every failure: whether it matters that they still ran is
    seen by waiting for them.
    """
    for word in ("child", "thread"):
        seen = [one for one in sightings if one.sanitizer == "leaks" and one.kind.startswith(word)]
        # Of one line, some may still run, and others have ended.
        of_lines = [[other for other in seen if other.place == one.place] for one in seen]
        if kept := [one for one, line in zip(seen, of_lines, strict=True) if one.place is not None and _in_all(line)]:
            return kept
    return []


def _in_all(seen: Sequence[SightingSummary]) -> bool:
    return sum(one.in_failures for one in seen) >= seen[0].failures >= _OFTEN


_OFTEN = 5
"""Failures from which on something that is in all of them is no accident."""


def _fisher(one: Counts, other: Counts) -> float:
    correlation = max(one.correlation, other.correlation)
    return fisher_greater((_told(one, correlation), _told(other, correlation)))


def _told(counts: Counts, correlation: float) -> tuple[int, int]:
    """Failures and passes, as many as would tell as much if no process made its trials alike."""
    worth = counts.worth(correlation)
    trials, failed = round(counts.trials * worth), round(counts.failed * worth)
    return failed, trials - failed
