"""JUnit files as runners write them, and what is in a history."""

from pathlib import Path
from typing import Any

from sqlalchemy import select

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.importing import Importer
from flakeproof.features.history.job_facts import FactFinder
from flakeproof.features.history.loading import KeptResults, Wanted, load
from flakeproof.features.history.results_files import ResultsFiles
from flakeproof.features.history.tables import DOCUMENT, FAILURE, JOB, ROSTER, TEST

NOW = 1_790_000_000.0


def junit(
    tests: dict[str, str],
    *,
    at: str = "2026-03-01T10:00:00",
    properties: dict[str, str] | None = None,
    host: str = "vm",
) -> str:
    """What pytest writes: each test with the message of its failure, "" where it passed, `-` where it was skipped."""
    cases = []
    for name, message in tests.items():
        inside = "<skipped/>" if message == "-" else f'<failure message="{message}">E   {message}</failure>'
        cases.append(
            f'<testcase classname="tests.test_a" name="{name}" time="0.5">{inside if message else ""}</testcase>'
        )
    known = "".join(f'<property name="{name}" value="{value}"/>' for name, value in (properties or {}).items())
    head = f'name="pytest" timestamp="{at}" hostname="{host}" tests="{len(tests)}"'
    return f"<testsuites><testsuite {head}><properties>{known}</properties>{''.join(cases)}</testsuite></testsuites>"


def import_into(
    place: str, *paths: Path, environment: dict[str, str] | None = None, **asked: str
) -> tuple[Importer, ResultsFiles, list[str]]:
    """Import `paths` with options and CI's variables; what was added, what was read, what was warned of."""
    database = HistoryDatabase(place)
    importer, warnings = Importer(database), list[str]()
    reader = ResultsFiles(FactFinder(asked, environment or {}, NOW), warnings.append, importer.is_known)
    for path in paths:
        for job in reader.read(str(path)):
            importer.add(job)
    importer.finish()
    database.close()
    return importer, reader, warnings


def jobs_in(place: str) -> list[dict[str, Any]]:
    """The jobs, in the order of time."""
    database = HistoryDatabase(place)
    with database.reading() as connection:
        rows = connection.execute(select(JOB).order_by(JOB.c.started, JOB.c.digest)).mappings().all()
    database.close()
    return [dict(row) for row in rows]


def kept_in(place: str, wanted: Wanted | None = None) -> KeptResults:
    """All that a ranking would see."""
    database = HistoryDatabase(place)
    try:
        return load(database, wanted or Wanted())
    finally:
        database.close()


def contents(place: str) -> dict[str, Any]:
    """All facts, without the numbers that a database gives them."""
    database = HistoryDatabase(place)
    with database.reading() as connection:
        jobs = {row.id: row.digest for row in connection.execute(select(JOB))}
        names = {row.id: row.name for row in connection.execute(select(TEST))}
        rosters = {row.id: row.size for row in connection.execute(select(ROSTER))}
        found = {
            "documents": sorted((row.digest, jobs[row.job_id]) for row in connection.execute(select(DOCUMENT))),
            "jobs": sorted((row.digest, rosters[row.roster_id], row.trials) for row in connection.execute(select(JOB))),
            "failures": sorted(
                (jobs[row.job_id], names[row.test_id], row.failures, row.passed_later)
                for row in connection.execute(select(FAILURE))
            ),
            "tests": sorted(names.values()),
        }
    database.close()
    return found
