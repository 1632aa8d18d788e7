"""What ran in one job, and what came of it, as the history keeps it."""

from dataclasses import dataclass, field, replace

from flakeproof.features.history.job_facts import JobFacts

_LARGEST = 10_000
"""Tests of one job whose files are put together."""


@dataclass(frozen=True)
class FailedInJob:
    """A test that did not simply pass in a job."""

    failures: int = 1
    trials: int = 1
    passed_later: bool = False
    """Whether it passed when its runner tried it again: an attempt, and no run of its own."""
    seconds: float = 0.0
    signature: str = ""


@dataclass
class JobResults:
    """What ran in a job, and what came of it."""

    source: str
    """`junit`, or `run` for one of flakeproof's own."""
    path: str
    facts: JobFacts
    documents: list[str]
    """Digests of the files that it comes from."""
    ran: set[str] = field(default_factory=set)
    failed: dict[str, FailedInJob] = field(default_factory=dict)
    trials: int = 1
    """How often each test ran."""
    skipped: int = 0
    seconds: float = 0.0
    is_provoked: bool = False

    @property
    def results(self) -> int:
        """Outcomes of tests in it."""
        return len(self.ran) + self.skipped

    def holds(self, other: "JobResults") -> bool:
        """Whether `other` is of the same job: no test ran in both, and nothing that is known of them differs."""
        one, two = replace(self.facts, started=0, sources=()), replace(other.facts, started=0, sources=())
        return one == two and len(self.ran) < _LARGEST and self.ran.isdisjoint(other.ran)

    def add(self, other: "JobResults") -> None:
        """Take in another file of the same job."""
        self.documents += other.documents
        self.ran |= other.ran
        self.failed |= other.failed
        self.skipped += other.skipped
        self.seconds += other.seconds
        self.facts = replace(self.facts, started=min(self.facts.started, other.facts.started))
