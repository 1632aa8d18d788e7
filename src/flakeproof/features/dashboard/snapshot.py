"""What the history told when it was last read, with an index for each page: no page waits for the database.

Ten million results of two thousand tests are a few thousand jobs and their failures, which fit into memory many times
over; loading and ranking them takes half a second, and is done beside the server whenever the history has changed.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.loading import KeptFailure, KeptResults, Wanted, load, names_of_tests
from flakeproof.features.history.ranking import JOBS, RUNS, Ranking
from flakeproof.features.history.records import ClusterOfTests, HistoryReport, RankedTest
from flakeproof.features.history.tables import digest_of
from flakeproof.settings.from_options import command_name


@dataclass
class SeenSignature:
    """A kind of failure, and where it was seen."""

    text: str
    failures: int = 0
    tests: Counter[int] = field(default_factory=Counter)
    """Failures by test."""
    places: list[int] = field(default_factory=list)
    """Jobs in which it was seen, in the order of time."""


class HistorySnapshot:
    """All of it, as it was at one moment; nothing in it changes."""

    def __init__(self, kept: KeptResults, names: Mapping[int, str], place: str, filters: Mapping[str, str]) -> None:
        """`names` are those of all tests, `place` says where the history is, `filters` which jobs were asked for."""
        self.kept = kept
        self._ranking = Ranking(kept, command_name(), place)
        self.report: HistoryReport = self._ranking.report(filters)
        self.rows = {row.test: row for row in self.report.rows}
        ran: set[int] = set()
        for tests in kept.rosters.values():
            ran.update(tests)
        self.names = {number: names[number] for number in ran | kept.failures.keys() if number in names}
        self.numbers = {digest_of(name): number for number, name in self.names.items()}
        """Tests by the digest of their name, which is how an address names one: names are as long as they like."""
        self.keys = {number: key for key, number in self.numbers.items()}
        self.jobs = {digest_of(job.digest): place for place, job in enumerate(kept.jobs)}
        self.job_keys = {place: key for key, place in self.jobs.items()}
        self.failed_in: dict[int, list[tuple[int, KeptFailure]]] = defaultdict(list)
        """What did not simply pass, by job."""
        self.red: set[int] = set()
        """Jobs in which a test failed and did not pass when it was tried again."""
        for test, failures in kept.failures.items():
            for one in failures:
                self.failed_in[one.job].append((test, one))
                if one.failures and not one.passed_later:
                    self.red.add(one.job)
        self.signatures = {digest_of(one.text): one for one in self._signatures()}
        """By the digest of the text, those of most tests first."""

    def _signatures(self) -> Sequence[SeenSignature]:
        found: dict[str, SeenSignature] = {}
        for test, failures in self.kept.failures.items():
            for one in failures:
                if one.signature and one.failures:
                    seen = found.setdefault(one.signature, SeenSignature(one.signature))
                    seen.failures += one.failures
                    seen.tests[test] += one.failures
                    seen.places.append(one.job)
        for seen in found.values():
            seen.places = sorted(set(seen.places))
        return sorted(found.values(), key=lambda seen: (-len(seen.tests), -seen.failures, seen.text))

    def key_of(self, name: str) -> str:
        """How an address names the test of this `name`."""
        return digest_of(name)

    @cached_property
    def clusters(self) -> dict[str, ClusterOfTests]:
        """By the digest of each of their tests: a test is in no more than one."""
        return {digest_of(name): one for one in self.report.clusters for name in one.tests}

    @cached_property
    def quiet_names(self) -> list[str]:
        """Tests that have no row, because they have never failed, or only where that counts for no rate."""
        return sorted(name for name in self.names.values() if name not in self.rows)

    def row(self, name: str) -> RankedTest | None:
        """What the ranking says of a test; None where it says nothing."""
        return self.rows.get(name)

    def is_counted(self, place: int) -> bool:
        """Whether a job counts for rates: none that was run under perturbations, none of a bad day."""
        return any(place in self._ranking.axes[source].commit_of for source in (JOBS, RUNS))

    def outcomes(self, test: int, source: str) -> list[tuple[int, float, int, int]]:
        """The runs of a test in jobs of `source` that count: place, when its commit began, failures and runs."""
        axis = self._ranking.axes[source]
        failed = {one.job: one for one in self.kept.failures.get(test, ())}
        found = []
        for place in axis.jobs_of(test):
            one = failed.get(place)
            job = self.kept.jobs[place]
            began = axis.commits[axis.commit_of[place]].first
            found.append((place, began, one.failures if one else 0, one.trials if one else job.trials))
        return found

    def runs_of(self, test: int) -> int:
        """How often a test has run, in all jobs."""
        rosters = {number for number, tests in self.kept.rosters.items() if _holds(tests, test)}
        return sum(job.trials for job in self.kept.jobs if job.roster in rosters)

    def started_of_commits(self, source: str) -> dict[str, float]:
        """When the first job of each commit was started."""
        return {commit.name: commit.first for commit in self._ranking.axes[source].commits if commit.name}


def _holds(tests: Sequence[int], test: int) -> bool:
    """Whether `test` is among these, which are in ascending order."""
    place = bisect_left(tests, test)
    return place < len(tests) and tests[place] == test


def read_history(database: HistoryDatabase, wanted: Wanted) -> HistorySnapshot:
    """Read and rank it; it may be empty. Raises CannotRunError."""
    kept = load(database, wanted)
    what = {"branch": wanted.branch, "job": wanted.job, "since": f"{wanted.since:.0f}" if wanted.since else ""}
    filters = {name: text for name, text in what.items() if text}
    return HistorySnapshot(kept, names_of_tests(database), database.place, filters)
