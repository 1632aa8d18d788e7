"""What a history tells, as `--json` writes it."""

from enum import StrEnum

import msgspec

from flakeproof.model import Record
from flakeproof.results.summary import RateInterval

SCHEMA_VERSION = 1


class HistoryVerdict(StrEnum):
    """What a test is, by its history."""

    FLAKY = "flaky"
    """It fails by chance."""
    BROKEN = "broken"
    """It has failed every time since some commit, and still does."""
    WAS_BROKEN = "was broken"
    """It failed every time from one commit to another, and by chance hardly ever."""
    UNCLEAR = "unclear"
    """It has failed too rarely to tell it from what a machine makes fail."""


class CommitRange(Record, frozen=True, kw_only=True):
    """A change that came with one of some commits; "" for one that is not known."""

    before: str
    """The newest commit that is certainly before it."""
    first: str
    """The commit that it is likeliest to have come with."""
    last: str
    """The newest commit that it can have come with."""
    commits: int
    """How many it can have come with, of those that have results."""
    confidence: float


class RateMove(Record, frozen=True, kw_only=True):
    """A change of a test's failure rate."""

    at: str
    """When the first job after it was started, ISO 8601, UTC."""
    where: CommitRange
    failures_before: int
    runs_before: int
    failures_after: int
    runs_after: int
    probability: float


class BrokenSpan(Record, frozen=True, kw_only=True):
    """Commits at which a test failed every time."""

    first: str
    last: str
    since: str
    """When the first of these jobs was started."""
    until: str
    failures: int
    runs: int
    is_over: bool


class RankedTest(Record, frozen=True, kw_only=True):
    """One test."""

    test: str
    verdict: HistoryVerdict
    error: float
    """Probability that the verdict is wrong, by the model of `stats.brokenness`."""
    source: str
    """`jobs`, where a run is one of the test in a job, or `runs` for a test that only flakeproof has run."""
    failures: int
    """Runs in which it failed while it was not broken, also where it passed when it was tried again …"""
    runs: int
    """… of so many: attempts of a retry do not count."""
    rate: float
    """Expected, by partial pooling over all tests."""
    interval: RateInterval
    same_commit: int
    """Commits at which it has both failed and passed."""
    passed_on_retry: int
    cost: float
    """Seconds of jobs that were red because of it; where several tests were guilty each has its share."""
    last_failure: str
    moves: list[RateMove] = msgspec.field(default_factory=list)
    broken: list[BrokenSpan] = msgspec.field(default_factory=list)
    signatures: dict[str, int] = msgspec.field(default_factory=dict)
    provoked_failures: int = 0
    """In runs of flakeproof under perturbations, which count for no rate."""
    own_failures: int = 0
    own_runs: int = 0
    """In runs of flakeproof without, where `source` is `jobs`."""
    path: str = ""
    """The file in which it failed last."""
    next: str = ""
    """The command that takes it on."""


class ClusterOfTests(Record, frozen=True, kw_only=True):
    """Tests that fail in the same jobs."""

    tests: list[str]
    jobs: int
    any_jobs: int
    similarity: float
    shared: list[str]
    """What they have in common: a file, a class, a signature."""


class BadDay(Record, frozen=True, kw_only=True):
    """A job on a day, on which tests failed that fail nowhere else; it counts for no rate."""

    day: str
    job: str
    machine: str
    jobs: int
    failures: int
    expected: float


class SharedSignature(Record, frozen=True, kw_only=True):
    """A failure that several tests have."""

    signature: str
    failures: int
    tests: list[str]


class HistoryReport(Record, frozen=True, kw_only=True):
    """All of it."""

    schema_version: int = SCHEMA_VERSION
    place: str
    jobs: int
    runs: int
    results: int
    tests: int
    commits: int
    since: str
    until: str
    filters: dict[str, str] = msgspec.field(default_factory=dict)
    prior: tuple[float, float]
    """Of the rates of all tests: Beta(a, b)."""
    rows: list[RankedTest]
    clusters: list[ClusterOfTests]
    signatures: list[SharedSignature]
    bad_days: list[BadDay]
    notes: list[str] = msgspec.field(default_factory=list)
