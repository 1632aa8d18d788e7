"""The records of a bisection: what is asked for, what happens, what comes out."""

from enum import StrEnum

import msgspec

from flakeproof.events import Event
from flakeproof.model import Record
from flakeproof.results.summary import RateInterval

SCHEMA_VERSION = 1


class BisectSpec(Record, frozen=True, kw_only=True):
    """What is asked for; with the trials that were run it decides what is done next."""

    target: str
    good: str
    """Full id of the commit before."""
    bad: str
    fixed: bool
    """Whether the commit is looked for that made it fail less often."""
    error: float
    """Probability that the answer may be wrong with."""
    rate: float
    """The failure rate from which on it counts as flaky."""
    signatures: list[str]
    """Patterns of the failures that count; empty for the kind that is seen first."""
    seed: int
    build: str
    sync: str
    tests_from: str
    """Full id of the commit that the tests are from; empty for those of each commit."""
    test_paths: list[str]
    options: list[str]
    """What was asked for of how it runs, as words; another run with the same record has to have the same."""
    suspects: list[str]
    """Files whose changes make a commit likelier beforehand."""
    likelier: list[int]
    """The commits that change them, by number."""
    absent: list[str] = msgspec.field(default_factory=list)
    """The commits in which the file of the test is not there; the good end may be one of them."""


class BisectStarted(Event, frozen=True, kw_only=True, tag="bisect-started"):
    """It begins, or goes on."""

    at: str
    version: str
    spec: BisectSpec
    commits: int
    """That could be the culprit."""


class Visited(Event, frozen=True, kw_only=True, tag="visited"):
    """A commit was tried."""

    commit: str
    asked: int
    """Trials to be run at most."""
    passed: int
    failures: list[list[str]]
    """The signatures of each trial that failed."""
    message: str
    """Of the first failure."""
    ready: float
    """Seconds that went by before the first trial and after the last."""
    was_ready: bool
    """Whether the checkout was there already."""
    seconds: float
    """Of the trials."""
    bits: float
    """That it was expected to tell; 0 where the order was fixed."""


class Skipped(Event, frozen=True, kw_only=True, tag="commit-skipped"):
    """A commit cannot be tried."""

    commit: str
    reason: str
    seconds: float


class Compared(Event, frozen=True, kw_only=True, tag="culprit-compared"):
    """The commit that is likeliest was run in turns with its parent."""

    culprit: str
    parent: str
    run_id: str
    """The comparison."""
    confirmed: bool | None
    """None if the time did not suffice."""
    culprit_failed: int
    culprit_passed: int
    parent_failed: int
    parent_passed: int
    seconds: float


AnyBisectEvent = BisectStarted | Visited | Skipped | Compared


class BisectAnswer(StrEnum):
    """What was found out."""

    FOUND = "found"
    SET = "one of several"
    """They cannot be told apart, because what lies between cannot be run."""
    NO_CHANGE = "no change"
    NEVER = "never fails"
    OTHER_WAY = "the other way round"
    OPEN = "open"
    """The time or the tests did not suffice."""


class Counted(Record, frozen=True, kw_only=True):
    """Trials of some commits, with the failures that count."""

    failed: int
    passed: int
    interval: RateInterval | None


class CommitFound(Record, frozen=True, kw_only=True):
    """A commit that may be the culprit."""

    commit: str
    title: str
    author: str
    """Name and day."""
    probability: float


class CommitTried(Record, frozen=True, kw_only=True):
    """A commit that was tried, and how often it failed there."""

    commit: str
    number: int
    """Its place among the commits that may be the culprit, oldest first, from 1; 0 for the good end."""
    failed: int
    """Trials that failed in a way that counts."""
    passed: int


class CommitSkipped(Record, frozen=True, kw_only=True):
    """A commit that could not be tried."""

    commit: str
    reason: str


class Bisection(Record, frozen=True, kw_only=True):
    """What came out."""

    schema_version: int = SCHEMA_VERSION
    run_id: str
    folder: str
    target: str
    good: str
    bad: str
    fixed: bool
    answer: BisectAnswer
    culprits: list[CommitFound]
    """The commit, or those that cannot be told apart, or the likeliest ones where the answer is open."""
    among: int
    """How many commits those are, also beyond the ones that are listed."""
    probability: float
    """Of all of them together to hold the culprit, or that nothing has changed."""
    confirmed: bool | None
    """By the comparison with the parent; None if there was none."""
    confirmation: Compared | None
    before: Counted
    """At commits that are not affected: for no change, at the good end."""
    after: Counted
    signatures: list[str]
    """Of the failures that counted."""
    message: str
    """Of such a failure."""
    others: int
    """Trials that failed otherwise."""
    posterior: list[float]
    """The probability of the culprit over the history, in equal parts, oldest first."""
    tried: list[CommitTried]
    """Oldest first, with the trials of the comparison."""
    skipped: list[CommitSkipped]
    commits: int
    visits: int
    trials: int
    """Those of the comparison, too."""
    elapsed: float
    """Seconds of all visits and comparisons."""
    error: float
    seed: int
    stopped: str | None
    command: str
    """What shows the culprit, or goes on."""
    notes: list[str]
    exit_code: int


COMMITS_KEPT = 20
PARTS = 60
"""Of the picture of the posterior."""


def decode(line: bytes) -> AnyBisectEvent:
    """An event of the record. Raises msgspec.DecodeError."""
    return _DECODER.decode(line)


_DECODER: msgspec.json.Decoder[AnyBisectEvent] = msgspec.json.Decoder(AnyBisectEvent)
