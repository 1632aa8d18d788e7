"""The runs of each test by commit, how many there were and how many failed; and the days on which a machine was bad."""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate

from flakeproof.features.history.loading import KeptFailure, KeptJob, KeptResults
from flakeproof.stats.brokenness import CommitRuns
from flakeproof.stats.together import excesses

_NEAR_DAYS = 14
_FEW = 2
"""Failures elsewhere, up to which a test fails nowhere else."""


@dataclass(frozen=True)
class CommitRow:
    """A commit with results; jobs whose commit is not known are each one of their own."""

    name: str
    first: float
    """When its first job was started."""


@dataclass
class CommitCell:
    """The runs of one test at one commit."""

    failures: int = 0
    runs: int = 0
    extra: int = 0
    """Attempts that passed after another one had failed: no runs, but a sign."""


class CommitAxis:
    """The commits in the order of their first jobs, and the runs of tests along them."""

    def __init__(self, kept: KeptResults, source: str, left_out: Set[int] = frozenset()) -> None:
        """For the jobs of `source` without those `left_out` and without runs under perturbations."""
        self._kept = kept
        self.source = source
        self.left_out = left_out
        self.commits: list[CommitRow] = []
        self.commit_of: dict[int, int] = {}
        """By place of the job."""
        numbers: dict[str, int] = {}
        for place, job in enumerate(kept.jobs):
            if job.source != source or job.is_provoked:
                continue
            key = job.commit or f"\0{place}"
            if key not in numbers:
                numbers[key] = len(self.commits)
                self.commits.append(CommitRow(job.commit, job.started))
            if place not in left_out:
                self.commit_of[place] = numbers[key]
        self._holding: dict[int, frozenset[int]] = {}
        failing = set(kept.failures)
        by_test: dict[int, list[int]] = defaultdict(list)
        for number, tests in kept.rosters.items():
            for test in failing.intersection(tests):
                by_test[test].append(number)
        patterns: dict[frozenset[int], frozenset[int]] = {}
        for test, rosters in by_test.items():
            pattern = frozenset(rosters)
            self._holding[test] = patterns.setdefault(pattern, pattern)
        self._runs: dict[frozenset[int], tuple[list[int], list[int], list[int]]] = {}

    def jobs_of(self, test: int) -> Iterable[int]:
        """The places of the jobs in which a test ran."""
        rosters = self._holding.get(test, frozenset())
        return [place for place in self.commit_of if self._kept.jobs[place].roster in rosters]

    def baseline(self, test: int) -> tuple[list[int], list[int], list[int]]:
        """Runs at each commit as if it ran as often as its jobs; their running sum; and that of commits with any."""
        rosters = self._holding.get(test, frozenset())
        if rosters not in self._runs:
            runs = [0] * len(self.commits)
            for place, commit in self.commit_of.items():
                job = self._kept.jobs[place]
                if job.roster in rosters:
                    runs[commit] += job.trials
            self._runs[rosters] = (
                runs,
                [0, *accumulate(runs)],
                [0, *accumulate(int(one > 0) for one in runs)],
            )
        return self._runs[rosters]

    def cells(self, test: int) -> dict[int, CommitCell]:
        """The commits at which the test did not simply pass."""
        runs = self.baseline(test)[0]
        found: dict[int, CommitCell] = {}
        for one in self._kept.failures.get(test, ()):
            commit = self.commit_of.get(one.job)
            if commit is None:
                continue
            cell = found.setdefault(commit, CommitCell(runs=runs[commit]))
            cell.runs += one.trials - self._kept.jobs[one.job].trials
            cell.failures += one.failures
            cell.extra += one.passed_later
        return found

    def steps(self, test: int, cells: Mapping[int, CommitCell]) -> tuple[list[CommitRuns], list[int]]:
        """The history for `stats.brokenness`, and the commit of each step but for what comes behind the last."""
        _, runs, commits = self.baseline(test)
        found, places, last = [], [], 0
        for commit in sorted(commit for commit, cell in cells.items() if cell.failures):
            cell = cells[commit]
            passed, before = runs[commit] - runs[last], commits[commit] - commits[last]
            found.append(CommitRuns(before, passed, cell.failures, cell.runs + cell.extra))
            places.append(commit)
            last = commit + 1
        end = len(self.commits)
        found.append(CommitRuns(commits[end] - commits[last], runs[end] - runs[last], 0, 0))
        return found, places

    def total(self, test: int, cells: Mapping[int, CommitCell]) -> int:
        """Runs of the test in all."""
        runs = self.baseline(test)
        return runs[1][-1] + sum(cell.runs - runs[0][commit] for commit, cell in cells.items())

    def neighbours(self, test: int, commit: int) -> tuple[int | None, int | None]:
        """The commits before and after at which the test ran."""
        runs = self.baseline(test)[0]
        before = next((place for place in range(commit - 1, -1, -1) if runs[place]), None)
        after = next((place for place in range(commit + 1, len(runs)) if runs[place]), None)
        return before, after


@dataclass(frozen=True)
class ExcessDay:
    """A job on a day on which tests failed that fail nowhere else."""

    job: str
    machine: str
    day: int
    """Since 1970."""
    places: tuple[int, ...] = field(repr=False)
    failures: int = 0
    expected: float = 0.0


def bad_days(axis: CommitAxis, kept: KeptResults) -> list[ExcessDay]:
    """Those of all jobs on all their days.

    A failure counts if its test did not fail there only because a commit had broken it, and fails nowhere else: hardly
    ever in other jobs, on other machines, or at other times.
    """
    groups: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for place in axis.commit_of:
        job = kept.jobs[place]
        groups[job.name, job.machine, day_of(job.started)].append(place)
    seen: Counter[tuple[str, str, int]] = Counter()
    for test in kept.failures:
        places = list(_by_chance(axis, kept.jobs, test, kept.failures[test]))
        where = [
            (kept.jobs[place].name, kept.jobs[place].machine, day_of(kept.jobs[place].started)) for place in places
        ]
        days: dict[tuple[str, str], list[int]] = defaultdict(list)
        for one in sorted(where):
            days[one[:2]].append(one[2])
        for one in set(where):
            family = days[one[:2]]
            near = bisect_right(family, one[2] + _NEAR_DAYS) - bisect_left(family, one[2] - _NEAR_DAYS)
            seen[one] += len(where) - near <= _FEW
    keys = sorted(groups)
    bad: set[tuple[str, str, int]] = set()
    expected: dict[tuple[str, str, int], float] = {}
    for _ in range(3):
        rest = [key for key in keys if key not in bad]
        jobs = sum(len(groups[key]) for key in rest)
        mean = (sum(seen[key] for key in rest) + 0.5) / max(1, jobs)
        expected = {key: mean * len(groups[key]) for key in keys}
        found = {
            key
            for key, is_bad in zip(keys, excesses([(seen[key], expected[key]) for key in keys]), strict=True)
            if is_bad
        }
        if found == bad:
            break
        bad = found
    return [ExcessDay(*key, tuple(groups[key]), seen[key], expected[key]) for key in keys if key in bad]


def day_of(seconds: float) -> int:
    """Days since 1970, UTC."""
    return int(seconds // 86_400)


def moment_text(seconds: float) -> str:
    """`2026-03-02T10:00:00Z`."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _by_chance(axis: CommitAxis, jobs: Sequence[KeptJob], test: int, failures: Sequence[KeptFailure]) -> Iterable[int]:
    """Places of the jobs in which it failed, without commits at which it failed every time, as a broken one does."""
    cells = axis.cells(test)
    for one in failures:
        commit = axis.commit_of.get(one.job)
        if commit is None or not one.failures:
            continue
        cell = cells[commit]
        if cell.failures >= cell.runs + cell.extra:
            around = [cells.get(place) for place in axis.neighbours(test, commit) if place is not None]
            if cell.runs > 1 or any(other is not None and other.failures >= other.runs for other in around):
                continue
        yield one.job
