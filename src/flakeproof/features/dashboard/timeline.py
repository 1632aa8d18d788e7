"""What a page shows along the time: the rate of a test, and how many jobs were red. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flakeproof.features.dashboard.snapshot import HistorySnapshot
from flakeproof.features.history.cells import moment_text
from flakeproof.features.history.ranking import JOBS, RUNS
from flakeproof.features.history.records import HistoryVerdict, RankedTest
from flakeproof.stats.intervals import clopper_pearson

_DAY = 86_400.0
_TEST_BINS = 40
_JOB_BINS = 26
_Counted = tuple[float, int, int]
_NOW = (HistoryVerdict.FLAKY, HistoryVerdict.BROKEN)


@dataclass(frozen=True)
class RateBin:
    """Runs of a test in a stretch of time."""

    start: float
    """Seconds since 1970; also of `end`."""
    end: float
    failures: int
    runs: int
    low: float
    high: float
    """Of the 95 % interval of Clopper and Pearson of these runs alone."""

    @property
    def rate(self) -> float:
        """As it was seen."""
        return self.failures / self.runs


@dataclass(frozen=True)
class RedBin:
    """Jobs in a stretch of time."""

    start: float
    end: float
    jobs: int
    by_known: int
    """Red because of tests alone that are flaky or broken now …"""
    by_others: int
    """… and because of others, too."""


def rate_bins(snapshot: HistorySnapshot, row: RankedTest) -> list[RateBin]:
    """The rate of a test along the time, without the commits at which it was broken and without bad days."""
    source = JOBS if row.source == "jobs" else RUNS
    test = snapshot.numbers[snapshot.key_of(row.test)]
    spans = [(span.since, span.until) for span in row.broken]
    runs = [
        (snapshot.kept.jobs[place].started, failures, trials)
        for place, began, failures, trials in snapshot.outcomes(test, source)
        if not spans or not _is_within(moment_text(began), spans)
    ]
    found = []
    for start, end, inside in _binned(runs, _TEST_BINS):
        failures = sum(failed for _, failed, _ in inside)
        trials = sum(tried for _, _, tried in inside)
        if trials:
            failures = min(failures, trials)
            interval = clopper_pearson(failures, trials)
            found.append(RateBin(start, end, failures, trials, interval.low, interval.high))
    return found


def red_bins(snapshot: HistorySnapshot) -> list[RedBin]:
    """How many jobs were red along the time, bad days among them."""
    known = {row.test for row in snapshot.report.rows if row.verdict in _NOW}
    numbers = {number for number, name in snapshot.names.items() if name in known}
    jobs = []
    for place, job in enumerate(snapshot.kept.jobs):
        if job.source != JOBS:
            continue
        guilty = [test for test, one in snapshot.failed_in.get(place, ()) if one.failures and not one.passed_later]
        jobs.append((job.started, bool(guilty) and numbers.issuperset(guilty), bool(guilty)))
    return [
        RedBin(
            start, end, len(inside), sum(one for _, one, _ in inside), sum(red and not one for _, one, red in inside)
        )
        for start, end, inside in _binned(jobs, _JOB_BINS)
    ]


def _is_within(moment: str, spans: Iterable[tuple[str, str]]) -> bool:
    return any(since <= moment <= until for since, until in spans)


def _binned(what: Sequence[_Counted], most: int) -> list[tuple[float, float, list[_Counted]]]:
    """Put what stands in the order of time into at most `most` stretches of the same length: whole days, or hours."""
    if not what:
        return []
    first, last = what[0][0], what[-1][0]
    unit = _DAY if last - first > 3 * _DAY else 3600.0 if last - first > 3 * 3600 else 60.0
    origin = first // unit * unit
    width = unit * max(1, -(-(last - origin + 1) // unit) // most + 1)
    found: list[tuple[float, float, list[_Counted]]] = []
    for one in what:
        start = origin + (one[0] - origin) // width * width
        if not found or found[-1][0] != start:
            found.append((start, start + width, []))
        found[-1][2].append(one)
    return found
