"""From the results of many jobs to the tests that matter: pure, and the same whatever database they come from."""

import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flakeproof.features.history.cells import CommitAxis, CommitCell, ExcessDay, bad_days, moment_text
from flakeproof.features.history.loading import KeptResults
from flakeproof.features.history.records import (
    BadDay,
    BrokenSpan,
    ClusterOfTests,
    CommitRange,
    HistoryReport,
    HistoryVerdict,
    RankedTest,
    RateMove,
    SharedSignature,
)
from flakeproof.results.summary import RateInterval
from flakeproof.stats.brokenness import flaky_or_broken
from flakeproof.stats.pooling import RatePrior, fit_prior
from flakeproof.stats.rate_change import RateShift, rate_changes
from flakeproof.stats.together import failing_together

JOBS, RUNS = "junit", "run"
_CERTAIN = 0.95
_CONFIDENCE = 0.95
_SIGNATURES = 20
_COMMON = 0.8
"""Share of a cluster's failures that have a signature which is then called common."""


@dataclass
class _Judged:
    """A test, before rates are pooled."""

    test: int
    source: str
    flaky: float
    failures: int
    runs: int
    cells: Mapping[int, CommitCell]
    spans: list[tuple[int, int]] = field(default_factory=list)
    """First and last commit of each, where it was broken."""
    is_broken: bool = False
    broken_error: float = 1.0
    """Probability that none of these was more than chance."""


class Ranking:
    """Ranks the tests of a history."""

    def __init__(self, kept: KeptResults, name: str, place: str) -> None:
        """`name` is how flakeproof is called in commands, `place` where the history is."""
        self._kept = kept
        self._name = name
        self._place = place
        jobs = CommitAxis(kept, JOBS)
        self._bad = bad_days(jobs, kept)
        left_out = frozenset(place for day in self._bad for place in day.places)
        self.axes: Mapping[str, CommitAxis] = {
            JOBS: CommitAxis(kept, JOBS, left_out) if left_out else jobs,
            RUNS: CommitAxis(kept, RUNS),
        }
        """By source; that of jobs without bad days."""
        self._red = self._red_tests()

    def report(self, filters: Mapping[str, str]) -> HistoryReport:
        """All that there is to tell, by the cost of the tests and then by their rates."""
        kept = self._kept
        judged = [one for test in kept.failures if (one := self._judge(test)) is not None]
        counts = self._counts(judged)
        prior = fit_prior(counts)
        rows = sorted(
            (self._row(one, prior) for one in judged),
            key=lambda row: (-row.cost, -row.interval.low, -row.failures, row.test),
        )
        clusters = self._clusters([one for one in judged if one.flaky >= _CERTAIN and one.source == JOBS])
        jobs = [job for job in kept.jobs if job.source == JOBS]
        sizes = {number: len(tests) for number, tests in kept.rosters.items()}
        commits = {job.commit for job in kept.jobs if job.commit}
        everyone: set[int] = set()
        for tests in kept.rosters.values():
            everyone.update(tests)
        return HistoryReport(
            place=self._place,
            jobs=len(jobs),
            runs=len(kept.jobs) - len(jobs),
            results=sum(sizes[job.roster] * job.trials for job in kept.jobs),
            tests=len(everyone),
            commits=len(commits),
            since=moment_text(kept.jobs[0].started) if kept.jobs else "",
            until=moment_text(kept.jobs[-1].started) if kept.jobs else "",
            filters=dict(filters),
            prior=(prior.a, prior.b),
            rows=rows,
            clusters=clusters,
            signatures=self._shared_signatures(),
            bad_days=[self._day(day) for day in self._bad],
            notes=self._notes(),
        )

    def _judge(self, test: int) -> _Judged | None:
        """What its runs tell; None for one that has failed only under perturbations or on bad days."""
        for source in (JOBS, RUNS):
            axis = self.axes[source]
            cells = axis.cells(test)
            if any(cell.failures for cell in cells.values()):
                return self._judged(test, axis, cells)
        return None

    def _judged(self, test: int, axis: CommitAxis, cells: Mapping[int, CommitCell]) -> _Judged:
        steps, places = axis.steps(test, cells)
        told = flaky_or_broken(steps)
        found = _Judged(test, axis.source, told.flaky, 0, axis.total(test, cells), cells)
        for at, commit in enumerate(places):
            if told.broken[at] <= 0.5:
                found.failures += cells[commit].failures
                continue
            found.runs -= cells[commit].runs
            found.broken_error = min(found.broken_error, 1 - told.broken[at])
            if found.spans and told.broken[at - 1] > 0.5 and not steps[at].passed_commits:
                found.spans[-1] = (found.spans[-1][0], commit)
            else:
                found.spans.append((commit, commit))
        found.is_broken = bool(found.spans) and told.broken[len(places) - 1] > 0.5 and not steps[-1].passed_commits
        return found

    def _counts(self, judged: Sequence[_Judged]) -> list[tuple[int, int]]:
        """Failures and runs of all tests, also of those that have never failed."""
        known = {one.test: one for one in judged}
        source = JOBS if self.axes[JOBS].commit_of else RUNS
        axis, runs = self.axes[source], Counter[int]()
        per_roster: Counter[int] = Counter()
        for place in axis.commit_of:
            per_roster[self._kept.jobs[place].roster] += self._kept.jobs[place].trials
        for roster, times in per_roster.items():
            if times == 1:
                runs.update(self._kept.rosters[roster])
            else:
                runs.update(dict.fromkeys(self._kept.rosters[roster], times))
        quiet = Counter(times for test, times in runs.items() if test not in known)
        found = [(0, times) for times, tests in quiet.items() for _ in range(tests)]
        return [*found, *((one.failures, max(one.failures, one.runs)) for one in judged if one.source == source)]

    def _row(self, one: _Judged, prior: RatePrior) -> RankedTest:
        kept, axis = self._kept, self.axes[one.source]
        name = kept.names[one.test]
        failures = [failure for failure in kept.failures[one.test] if failure.failures]
        mine = [failure for failure in failures if failure.job in axis.commit_of]
        runs = max(one.runs, one.failures)
        interval = prior.interval(one.failures, runs, _CONFIDENCE)
        own = self.axes[RUNS]
        if one.flaky >= _CERTAIN:
            verdict, error = HistoryVerdict.FLAKY, 1 - one.flaky
        elif one.is_broken:
            verdict, error = HistoryVerdict.BROKEN, one.broken_error
        elif one.spans:
            verdict, error = HistoryVerdict.WAS_BROKEN, one.broken_error
        else:
            verdict, error = HistoryVerdict.UNCLEAR, one.flaky
        moves = self._moves(one) if verdict is HistoryVerdict.FLAKY else []
        spans = [self._span(one, first, last) for first, last in one.spans]
        counted = one.source == JOBS
        row = RankedTest(
            test=name,
            verdict=verdict,
            error=error,
            source="jobs" if counted else "runs",
            failures=one.failures,
            runs=runs,
            rate=prior.mean(one.failures, runs),
            interval=RateInterval(
                low=interval.low, high=interval.high, confidence=interval.confidence, method=interval.method
            ),
            same_commit=sum(
                0 < cell.failures < cell.runs + cell.extra
                for commit, cell in one.cells.items()
                if axis.commits[commit].name or cell.extra
            ),
            passed_on_retry=sum(failure.passed_later for failure in mine),
            cost=self._cost(one.test) if counted else 0.0,
            last_failure=moment_text(kept.jobs[mine[-1].job].started),
            moves=moves,
            broken=spans,
            signatures=dict(
                Counter(failure.signature for failure in mine if failure.signature).most_common(_SIGNATURES)
            ),
            provoked_failures=sum(failure.failures for failure in failures if kept.jobs[failure.job].is_provoked),
            own_failures=sum(failure.failures for failure in failures if failure.job in own.commit_of)
            if counted
            else 0,
            own_runs=own.total(one.test, own.cells(one.test)) if counted else 0,
            path=kept.jobs[mine[-1].job].path,
        )
        return _with_next(row, self._name)

    def _cost(self, test: int) -> float:
        """Seconds of the jobs that were red because of it, shared with the others, and of attempts that failed."""
        total = 0.0
        for failure in self._kept.failures[test]:
            if failure.job not in self.axes[JOBS].commit_of:
                continue
            if failure.passed_later:
                total += failure.seconds
            elif failure.failures:
                total += self._kept.jobs[failure.job].seconds / self._red[failure.job]
        return total

    def _red_tests(self) -> Counter[int]:
        """By job, how many tests made it red."""
        return Counter(
            failure.job
            for failures in self._kept.failures.values()
            for failure in failures
            if failure.failures and not failure.passed_later
        )

    def _moves(self, one: _Judged) -> list[RateMove]:
        axis = self.axes[one.source]
        runs = list(axis.baseline(one.test)[0])
        broken = {commit for first, last in one.spans for commit in range(first, last + 1)}
        cells, commits = [], []
        for commit, tried in enumerate(runs):
            cell = one.cells.get(commit)
            if commit in broken or not (tried if cell is None else cell.runs):
                continue
            cells.append((0, tried) if cell is None else (min(cell.failures, cell.runs), cell.runs))
            commits.append(commit)
        return [self._move(axis, commits, change) for change in rate_changes(cells, _CONFIDENCE)]

    def _move(self, axis: CommitAxis, commits: Sequence[int], change: RateShift) -> RateMove:
        names = [axis.commits[place].name for place in commits]
        return RateMove(
            at=moment_text(axis.commits[commits[change.place]].first),
            where=CommitRange(
                before=names[change.low - 1],
                first=names[change.place],
                last=names[change.high],
                commits=change.high - change.low + 1,
                confidence=_CONFIDENCE,
            ),
            failures_before=change.before[0],
            runs_before=change.before[1],
            failures_after=change.after[0],
            runs_after=change.after[1],
            probability=change.probability,
        )

    def _span(self, one: _Judged, first: int, last: int) -> BrokenSpan:
        axis = self.axes[one.source]
        inside = [cell for commit, cell in one.cells.items() if first <= commit <= last]
        _, after = axis.neighbours(one.test, last)
        return BrokenSpan(
            first=axis.commits[first].name,
            last=axis.commits[last].name,
            since=moment_text(axis.commits[first].first),
            until=moment_text(axis.commits[last].first),
            failures=sum(cell.failures for cell in inside),
            runs=sum(cell.runs for cell in inside),
            is_over=after is not None,
        )

    def _clusters(self, judged: Sequence[_Judged]) -> list[ClusterOfTests]:
        axis, kept = self.axes[JOBS], self._kept
        failed_in: dict[str, set[int]] = {}
        for one in judged:
            broken = {commit for first, last in one.spans for commit in range(first, last + 1)}
            failed_in[kept.names[one.test]] = {
                failure.job
                for failure in kept.failures[one.test]
                if failure.job in axis.commit_of and axis.commit_of[failure.job] not in broken
            }
        found = failing_together(failed_in, len(axis.commit_of))
        tests = {kept.names[one.test]: one.test for one in judged}
        return [
            ClusterOfTests(
                tests=list(one.tests),
                jobs=one.jobs,
                any_jobs=one.any_jobs,
                similarity=one.similarity,
                shared=self._shared([tests[name] for name in one.tests]),
            )
            for one in found
        ]

    def _shared(self, tests: Sequence[int]) -> list[str]:
        """What all of them have in common."""
        names = [self._kept.names[test] for test in tests]
        found = []
        if (where := _common_start(names)) != "":
            found.append(where)
        signatures = Counter(one.signature for test in tests for one in self._kept.failures[test])
        (signature, times), *_ = signatures.most_common(1)
        if signature and times >= _COMMON * signatures.total():
            found.append(signature)
        return found

    def _shared_signatures(self) -> list[SharedSignature]:
        tests: dict[str, set[int]] = defaultdict(set)
        times: Counter[str] = Counter()
        for test, failures in self._kept.failures.items():
            for one in failures:
                if one.signature and one.failures:
                    tests[one.signature].add(test)
                    times[one.signature] += one.failures
        found = [text for text in tests if len(tests[text]) > 1]
        found.sort(key=lambda text: (-len(tests[text]), -times[text], text))
        return [
            SharedSignature(
                signature=text, failures=times[text], tests=sorted(self._kept.names[test] for test in tests[text])
            )
            for text in found[:_SIGNATURES]
        ]

    def _day(self, day: ExcessDay) -> BadDay:
        return BadDay(
            day=moment_text(day.day * 86_400)[:10],
            job=day.job,
            machine=day.machine,
            jobs=len(day.places),
            failures=day.failures,
            expected=day.expected,
        )

    def _notes(self) -> list[str]:
        unknown = sum(not job.commit for job in self._kept.jobs if job.source == JOBS)
        if not unknown:
            return []
        return [
            f"the commit of {unknown} of {sum(job.source == JOBS for job in self._kept.jobs)} jobs is not known: each "
            f"counts as one of its own; flakeproof history import --commit HASH tells it"
        ]


def _common_start(names: Sequence[str]) -> str:
    """The file, class or package that all names begin with; "" for none."""
    parts = [name.replace("::", "\0::\0").replace("/", "\0/\0").replace(".", "\0.\0").split("\0") for name in names]
    common = []
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        common.append(column[0])
    return "".join(common).rstrip(":/.") if len(names) > 1 else ""


def _with_next(row: RankedTest, name: str) -> RankedTest:
    """The row with the command that takes it on."""
    import msgspec

    test = shlex.quote(row.test)
    file = shlex.quote(row.path)
    is_pytest = ".py::" in row.test
    moved = row.moves[-1].where if row.moves and _rose(row.moves[-1]) else None
    if not is_pytest:
        command = f"{name} ci {file} --show" if row.source == "jobs" else f"{name} show {file}"
    elif (
        row.verdict is HistoryVerdict.FLAKY and moved is not None and moved.before and moved.last and moved.commits > 1
    ):
        command = f"{name} bisect {test} --good {moved.before} --bad {moved.last}"
    elif row.verdict is HistoryVerdict.FLAKY:
        command = f"{name} diagnose {test}"
    elif row.source == "jobs":
        command = f"{name} ci {file} --test {test}"
    else:
        command = f"{name} show {file}"
    return msgspec.structs.replace(row, next=command)


def _rose(move: RateMove) -> bool:
    """Whether the rate has become higher."""
    return move.failures_after * max(1, move.runs_before) > move.failures_before * max(1, move.runs_after)
