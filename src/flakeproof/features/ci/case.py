"""What is known of a CI job: each fact with the line that it comes from, and what is not known by name."""

from enum import StrEnum

import msgspec

from flakeproof.model import Record

SCHEMA_VERSION = 1


class Colour(StrEnum):
    """How the job ended."""

    RED = "red"
    GREEN = "green"
    UNKNOWN = "unknown"
    """It tells of no failure, and does not say that it came to its end."""


class Fact(Record, frozen=True, kw_only=True):
    """Something that an artifact says."""

    value: str
    source: str
    """`file:line`."""


class Symptom(Record, frozen=True, kw_only=True):
    """How a test failed, as far as it can be compared between a log and a run of ours (`symptoms`)."""

    message: str
    """The first line of what the exception says, with its type where it was told."""
    is_cut: bool = False
    """Whether the runner has shortened it."""
    phase: str = "call"
    """`setup`, `call`, `teardown`, `collect`, or `crash` for a worker that died."""


class CaseFailure(Record, frozen=True, kw_only=True):
    """A test that failed."""

    test: str
    symptom: Symptom
    source: str
    worker: str = ""
    """The worker of pytest-xdist that it failed in; "" for none, or not known."""
    at: str = ""
    """The time of day that the CI system wrote beside its end; "" where it wrote none."""
    passed_later: bool = False
    """Whether it passed when its runner tried it once more."""


class WorkerHistory(Record, frozen=True, kw_only=True):
    """What one worker ran, in its order."""

    worker: str
    """`gw0` …, or `main` for a pytest without workers."""
    tests: list[str]
    first: str
    last: str
    """The lines (`file:line`) of its first and its last test."""


class Case(Record, frozen=True, kw_only=True):
    """One session of a test runner in a CI job."""

    schema_version: int = SCHEMA_VERSION
    runner: str
    """`pytest`, `go`, `cargo`, `nextest`, `jest`, `vitest`, `maven` …, or "" for one that is not known."""
    source: str
    """`file:line` where it begins."""
    colour: Colour
    failures: list[CaseFailure] = msgspec.field(default_factory=list)
    counts: dict[str, int] = msgspec.field(default_factory=dict)
    """How many passed, failed … as the runner says; where it does not, as they were counted."""
    histories: list[WorkerHistory] = msgspec.field(default_factory=list)
    is_ordered: bool = False
    """Whether `histories` have the order in which tests ran; else each is only a set of tests."""
    facts: dict[str, Fact] = msgspec.field(default_factory=dict)
    """By name: `commit`, `hash seed`, `time zone` … (`FACTS`)."""
    unknown: list[str] = msgspec.field(default_factory=list)
    """What could matter and is in no artifact."""
    notes: list[str] = msgspec.field(default_factory=list)
    durations: dict[str, float] = msgspec.field(default_factory=dict)
    """Seconds, of tests whose report tells them."""

    def value(self, name: str) -> str | None:
        """That of a fact; None where it is not known."""
        fact = self.facts.get(name)
        return fact.value if fact is not None else None

    def history_of(self, failure: CaseFailure) -> WorkerHistory | None:
        """That of the worker which ran the test that failed; None where it is not known."""
        for one in self.histories:
            if failure.test in one.tests and failure.worker in ("", one.worker):
                return one
        return None


FACTS = (
    *("provider", "command", "commit", "started", "duration", "machine", "cores", "python", "pytest", "plugins"),
    *("folder", "workers", "distribution", "randomly seed", "random-order bucket", "random-order seed"),
    *("shuffle", "hash seed", "time zone"),
)
"""Names of facts, in the order in which they are shown."""
ASKED = ("commit", "started", "cores", "python", "hash seed", "time zone")
"""Facts that matter for every session of pytest: where one is missing, that is said."""


def dotted(test: str) -> str:
    """A node id as JUnit has it, where a module cannot be told from a class by its name alone."""
    name, bracket, parameters = test.partition("[")
    file, colons, rest = name.partition("::")
    if not colons:
        return test
    return f"{file.removesuffix('.py').replace('/', '.')}.{rest.replace('::', '.')}{bracket}{parameters}"
