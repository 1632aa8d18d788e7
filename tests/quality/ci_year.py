"""A simulated CI of some months: tests with known rates, changes, clusters and breakages, and the jobs they ran in."""

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from scipy.stats import kendalltau  # type: ignore[import-untyped]

from flakeproof.features.history.job_facts import JobFacts
from flakeproof.features.history.job_results import FailedInJob, JobResults
from flakeproof.features.history.loading import KeptFailure, KeptJob, KeptResults
from flakeproof.features.history.records import HistoryReport, HistoryVerdict

_DAY = 86_400.0
_START = 1_767_225_600.0
_RETRY = 3
"""Every third job tries again what failed."""


@dataclass(frozen=True)
class CiWorld:
    """How large it is."""

    tests: int = 2_000
    jobs: int = 30_000
    jobs_of_commit: int = 5
    flaky: int = 60
    clusters: int = 5
    members: int = 4
    changing: int = 15
    broken: int = 10
    bad_weeks: int = 3
    machines: int = 5
    days: float = 365.0
    lowest: float = 0.001
    highest: float = 0.2
    bad_rate: float = 0.005
    """Of any test, on a machine in a bad week."""
    seed: int = 1


@dataclass
class TrueTest:
    """What is true of a test."""

    rate: float = 0.0
    change: int | None = None
    """The commit from which on it has its rate; before it never fails."""
    cluster: int | None = None
    broken: tuple[int, int] | None = None
    """First and last commit."""
    cost: float = 0.0
    """Expected seconds of red jobs."""


@dataclass
class CiYear:
    """One draw of a world."""

    world: CiWorld
    truth: dict[str, TrueTest] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        draws = random.Random(self.world.seed)
        world = self.world
        self.names = [f"tests/test_m{place // 25}.py::test_{place}" for place in range(world.tests)]
        chosen = draws.sample(self.names, world.flaky + world.broken)
        flaky, broken = chosen[: world.flaky], chosen[world.flaky :]
        spread = math.log(world.highest / world.lowest)
        in_clusters = world.clusters * world.members
        for place, name in enumerate(flaky):
            one = TrueTest(world.lowest * math.exp(spread * draws.random()))
            if place < in_clusters:
                one.cluster = place % world.clusters
                one.rate = 0.9 * self._cause(one.cluster)
            elif place < in_clusters + world.changing:
                one.change = draws.randrange(self.commits // 5, 4 * self.commits // 5)
                one.rate = max(one.rate, 0.02)
            self.truth[name] = one
        for name in broken:
            first = draws.randrange(self.commits - self.commits // 20)
            self.truth[name] = TrueTest(broken=(first, first + draws.randrange(3, max(4, self.commits // 50))))
        self._bad = [
            (f"machine-{draws.randrange(world.machines)}", draws.uniform(0, world.days - 7))
            for _ in range(world.bad_weeks)
        ]
        self._draws = draws

    @property
    def commits(self) -> int:
        """How many there are."""
        return self.world.jobs // self.world.jobs_of_commit

    def _cause(self, cluster: int) -> float:
        """How often what makes a cluster fail is there."""
        return 0.01 + 0.02 * cluster / self.world.clusters

    def _charge(self, red: Mapping[str, float], seconds: float) -> None:
        """Add the expected share of a job: those that make it red share it, a Poisson number of others beside one."""
        whole = sum(red.values())
        for name, probability in red.items():
            one, others = self.truth[name], max(1e-9, whole - probability)
            if one.cluster is not None:  # and then most of the others of its cluster, too
                share = 1 / (1 + 0.9 * (self.world.members - 1) + others)
            else:
                share = -math.expm1(-others) / others
            one.cost += probability * seconds * share

    def jobs(self) -> Iterator[JobResults]:
        """All of them, in the order of time; the expected costs are known behind the last."""
        world, draws = self.world, self._draws
        everyone = set(self.names)
        known = list(self.truth.items())
        for number in range(world.jobs):
            commit = number // world.jobs_of_commit
            day = world.days * number / world.jobs
            machine = f"machine-{draws.randrange(world.machines)}"
            seconds = 600.0 * math.exp(draws.gauss(0, 0.3))
            causes = {place for place in range(world.clusters) if draws.random() < self._cause(place)}
            retried = number % _RETRY == 0
            failed: dict[str, bool] = {}
            red: dict[str, float] = {}
            """How likely each makes the job red."""
            for name, one in known:
                rate = one.rate
                if one.broken is not None and one.broken[0] <= commit <= one.broken[1]:
                    failed[name] = False
                    continue
                if one.cluster is not None:
                    rate = 0.9 if one.cluster in causes else 0.0
                if one.change is not None and commit < one.change:
                    rate = 0.0
                red[name] = rate * (rate if retried else 1.0) if one.cluster is None else one.rate
                if rate and draws.random() < rate:
                    failed[name] = retried and one.cluster is None and draws.random() >= rate
            self._charge(red, seconds)
            if any(machine == one and start <= day < start + 7 for one, start in self._bad):
                for name in self.names:
                    if name not in failed and draws.random() < world.bad_rate:
                        failed[name] = False
            facts = JobFacts(
                commit=f"{commit:040x}", branch="main", job="linux", machine=machine, started=_START + day * _DAY
            )
            results = JobResults("junit", f"{number}.xml", facts, [f"{number:064x}"], everyone, seconds=seconds)
            results.failed = {name: FailedInJob(1, 1, later, 0.5, "E boom") for name, later in failed.items()}
            yield results


def kept(year: CiYear) -> KeptResults:
    """The results as the database would give them."""
    numbers = {name: number for number, name in enumerate(year.names)}
    found = KeptResults(rosters={1: list(numbers.values())})
    for place, job in enumerate(year.jobs()):
        facts = job.facts
        found.jobs.append(
            KeptJob(
                *(job.source, job.path, facts.job, facts.machine, facts.commit, facts.started, job.seconds, 1, 1),
                is_provoked=False,
            )
        )
        for name, one in job.failed.items():
            failure = KeptFailure(place, 1, 1, one.passed_later, one.seconds, one.signature)
            found.failures.setdefault(numbers[name], []).append(failure)
            found.names[numbers[name]] = name
    return found


@dataclass(frozen=True)
class YearScores:
    """What a ranking made of a year."""

    found: int
    above: int
    """Flaky tests of more than 1 %, and how many of these were found."""
    wrong: int
    called: int
    """Tests called flaky that are not, of those that are called so."""
    changes: list[float]
    """How far each change is from where it was found, as a share of the commits; 1 for one that was not found."""
    exact_clusters: int
    clusters: int
    tau: float
    """Kendall's tau-b, between the order by cost and that of the true costs."""
    bad_days: int


def scores(year: CiYear, report: HistoryReport) -> YearScores:
    """How right the `report` is."""
    truth = year.truth
    called = {row.test: row for row in report.rows if row.verdict is HistoryVerdict.FLAKY}
    flaky = {name for name, one in truth.items() if one.rate}
    above = {name for name in flaky if truth[name].rate > 0.01}
    changes = []
    for name in sorted(flaky):
        change = truth[name].change
        if change is None:
            continue
        moves = called[name].moves if name in called else []
        told = [abs(int(move.where.first, 16) - change) / year.commits for move in moves]
        changes.append(min(told, default=1.0))
    wanted = {
        frozenset(name for name in flaky if truth[name].cluster == number) for number in range(year.world.clusters)
    }
    both = sorted(flaky & set(called))
    return YearScores(
        found=len(above & set(called)),
        above=len(above),
        wrong=len(set(called) - flaky),
        called=len(called),
        changes=changes,
        exact_clusters=len(wanted & {frozenset(one.tests) for one in report.clusters}),
        clusters=max(len(wanted), len(report.clusters)),
        tau=float(kendalltau([called[name].cost for name in both], [truth[name].cost for name in both]).statistic),
        bad_days=len(report.bad_days),
    )
