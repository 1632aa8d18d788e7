"""What a ranking needs, out of the database: jobs in the order of time, who ran in them, and what did not pass."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.tables import FAILURE, JOB, ROSTER, SIGNATURE, TEST, digest_of, unpacked


@dataclass(frozen=True)
class Wanted:
    """Which jobs; "" and 0 for all."""

    branch: str = ""
    job: str = ""
    since: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class KeptJob:
    """A job as it is kept."""

    source: str
    path: str
    name: str
    machine: str
    commit: str
    started: float
    seconds: float
    roster: int
    trials: int
    is_provoked: bool
    branch: str = ""
    digest: str = ""
    """What tells it from all others, also in another database."""


@dataclass(frozen=True, slots=True)
class KeptFailure:
    """A test that did not simply pass in a job."""

    job: int
    """Place of the job in the order of time."""
    failures: int
    trials: int
    passed_later: bool
    seconds: float
    signature: str


@dataclass
class KeptResults:
    """All of them; tests are numbers, those that have failed have a name."""

    jobs: list[KeptJob] = field(default_factory=list)
    rosters: dict[int, list[int]] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    failures: dict[int, list[KeptFailure]] = field(default_factory=dict)
    """By test, in the order of time."""


def load(database: HistoryDatabase, wanted: Wanted) -> KeptResults:
    """The results of the jobs that are `wanted`. Raises CannotRunError."""
    found = KeptResults()
    with database.reading() as connection:
        columns = (
            *(JOB.c.id, JOB.c.source, JOB.c.path, JOB.c.name, JOB.c.machine, JOB.c.commit, JOB.c.started),
            *(JOB.c.seconds, JOB.c.roster_id, JOB.c.trials, JOB.c.provoked),
            *(JOB.c.branch, JOB.c.digest),
        )
        places: dict[int, int] = {}
        asked = _wanted(select(*columns), wanted).order_by(JOB.c.started, JOB.c.digest)
        for number, *what in connection.execute(asked).all():
            places[number] = len(found.jobs)
            found.jobs.append(KeptJob(*what))
        used = {job.roster for job in found.jobs}
        for number, tests in connection.execute(select(ROSTER.c.id, ROSTER.c.tests)):
            if number in used:
                found.rosters[number] = unpacked(tests)
        failed: dict[int, list[KeptFailure]] = defaultdict(list)
        rows = connection.execute(
            select(
                *(FAILURE.c.job_id, FAILURE.c.test_id, FAILURE.c.failures, FAILURE.c.trials),
                *(FAILURE.c.passed_later, FAILURE.c.seconds, FAILURE.c.signature_id),
            )
        )
        signatures = {row.id: row.text for row in connection.execute(select(SIGNATURE.c.id, SIGNATURE.c.text))}
        for job, test, failures, trials, later, seconds, signature in rows:
            place = places.get(job)
            if place is not None:
                text = signatures.get(signature, "")
                failed[test].append(KeptFailure(place, failures, trials, later, seconds, text))
        for number, name in connection.execute(select(TEST.c.id, TEST.c.name)):
            if number in failed:
                found.names[number] = name
    for test in sorted(failed, key=lambda number: found.names[number]):
        found.failures[test] = sorted(failed[test], key=lambda one: one.job)
    return found


def names_of_tests(database: HistoryDatabase) -> dict[int, str]:
    """The names of all tests, also of those that have never failed. Raises CannotRunError."""
    with database.reading() as connection:
        return {row.id: row.name for row in connection.execute(select(TEST.c.id, TEST.c.name))}


def state_of(database: HistoryDatabase) -> tuple[object, ...]:
    """What is another one when results were added, replaced or removed. Raises CannotRunError."""
    told = select(
        *(func.count(), func.max(JOB.c.id), func.max(JOB.c.started), func.sum(JOB.c.trials), func.sum(JOB.c.seconds))
    )
    with database.reading() as connection:
        return tuple(connection.execute(told).one())


def _wanted(query: "Select[Any]", wanted: Wanted) -> "Select[Any]":
    if wanted.branch:
        query = query.where(JOB.c.branch == wanted.branch)
    if wanted.job:
        query = query.where(JOB.c.name == wanted.job)
    if wanted.since:
        query = query.where(JOB.c.started >= wanted.since)
    return query


def quiet_runs(database: HistoryDatabase, names: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    """For each of the tests that the history knows: its runs in jobs, its failures, and its runs since the last one.

    A job counts once, and runs under perturbations not at all. Raises CannotRunError.
    """
    digests = {digest_of(name): name for name in names}
    jobs = load(database, Wanted())
    with database.reading() as connection:
        rows = connection.execute(select(TEST.c.id, TEST.c.digest).where(TEST.c.digest.in_(list(digests)))).all()
    known = {row.id: digests[row.digest] for row in rows}
    holding = {number: known.keys() & set(tests) for number, tests in jobs.rosters.items()}
    found: dict[str, tuple[int, int, int]] = {}
    failed = {test: {one.job: one for one in jobs.failures.get(test, ())} for test in known}
    for place, job in enumerate(jobs.jobs):
        for test in holding[job.roster] if not job.is_provoked else ():
            runs, failures, quiet = found.get(known[test], (0, 0, 0))
            one = failed[test].get(place)
            trials = one.trials if one is not None else job.trials
            times = one.failures if one is not None else 0
            found[known[test]] = runs + trials, failures + times, 0 if times else quiet + trials
    return found
