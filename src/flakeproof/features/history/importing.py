"""Write results of jobs into the history: each job in one transaction with its files, each file once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.job_results import JobResults
from flakeproof.features.history.tables import DOCUMENT, FAILURE, JOB, ROSTER, SIGNATURE, TEST, digest_of, packed

_AT_ONCE = 20_000
"""Results that are written in one transaction, about; between two of them others come to write."""
_CHUNK = 500


@dataclass
class Imported:
    """What was added."""

    jobs: int = 0
    results: int = 0
    failures: int = 0
    known: int = 0
    """Jobs that somebody else had added meanwhile."""


class Importer:
    """Adds jobs to one history."""

    def __init__(self, database: HistoryDatabase) -> None:
        self._database = database
        self._ids: dict[Table, dict[str, int]] = {TEST: {}, SIGNATURE: {}, ROSTER: {}}
        self._pending: list[JobResults] = []
        self._size = 0
        self.added = Imported()

    def is_known(self, digest: str) -> bool:
        """Whether a file with this digest has been imported before."""
        with self._database.reading() as connection:
            return connection.execute(select(DOCUMENT.c.digest).where(DOCUMENT.c.digest == digest)).first() is not None

    def add(self, job: JobResults) -> None:
        """Add `job`, sooner or later; `finish` writes what is left. Raises CannotRunError."""
        self._pending.append(job)
        self._size += job.results
        if self._size >= _AT_ONCE:
            self.finish()

    def finish(self) -> None:
        """Write what has been added. Raises CannotRunError; then nothing of it is there."""
        pending, self._pending, self._size = self._pending, [], 0
        if not pending:
            return
        try:
            with self._database.writing() as connection:
                written = [job for job in pending if self._write(connection, job)]
        except BaseException:
            for known in self._ids.values():
                known.clear()  # what was made in this transaction is not there
            raise
        self.added.jobs += len(written)
        self.added.known += len(pending) - len(written)
        self.added.results += sum(job.results * job.trials for job in written)
        self.added.failures += sum(one.failures for job in written for one in job.failed.values())

    def _write(self, connection: Connection, job: JobResults) -> bool:
        known = select(JOB.c.id, JOB.c.trials).join(DOCUMENT).where(DOCUMENT.c.digest.in_(job.documents))
        if (there := connection.execute(known).first()) is not None:
            if job.source != "run" or there.trials >= job.trials:
                return False
            connection.execute(delete(JOB).where(JOB.c.id == there.id))  # a run that has gone on since
        tests = self._known(connection, TEST, "name", job.ran | set(job.failed))
        signatures = self._known(
            connection, SIGNATURE, "text", {one.signature for one in job.failed.values() if one.signature}
        )
        roster = self._roster(connection, [tests[name] for name in job.ran])
        facts = job.facts
        row = connection.execute(
            insert(JOB).returning(JOB.c.id),
            {
                "digest": job.documents[0],
                "source": job.source,
                "path": _storable(job.path),
                "name": _storable(facts.job),
                "build": _storable(facts.build),
                "machine": _storable(facts.machine),
                "branch": _storable(facts.branch),
                "commit": facts.commit,
                "started": facts.started,
                "seconds": job.seconds,
                "roster_id": roster,
                "trials": job.trials,
                "skipped": job.skipped,
                "provoked": job.is_provoked,
            },
        ).scalar_one()
        connection.execute(insert(DOCUMENT), [{"digest": digest, "job_id": row} for digest in job.documents])
        failed = [
            {
                "job_id": row,
                "test_id": tests[name],
                "failures": one.failures,
                "trials": one.trials,
                "passed_later": one.passed_later,
                "seconds": one.seconds,
                "signature_id": signatures.get(one.signature),
            }
            for name, one in job.failed.items()
        ]
        if failed:
            connection.execute(insert(FAILURE), failed)
        return True

    def _known(self, connection: Connection, table: Table, column: str, texts: Iterable[str]) -> Mapping[str, int]:
        """The ids of texts, which are added where they are new."""
        known = self._ids[table]
        fitting = {text: _storable(text) for text in texts if text not in known}
        if fitting:
            missing = {digest_of(kept): kept for kept in fitting.values()}
            found: dict[str, int] = {}
            digests = sorted(missing)
            for start in range(0, len(digests), _CHUNK):
                part = digests[start : start + _CHUNK]
                rows = connection.execute(select(table.c.digest, table.c.id).where(table.c.digest.in_(part)))
                found |= {row.digest: row.id for row in rows}
            if new := [{"digest": digest, column: missing[digest]} for digest in digests if digest not in found]:
                connection.execute(insert(table), new)
                fresh = [one["digest"] for one in new]
                for start in range(0, len(fresh), _CHUNK):
                    part = fresh[start : start + _CHUNK]
                    rows = connection.execute(select(table.c.digest, table.c.id).where(table.c.digest.in_(part)))
                    found |= {row.digest: row.id for row in rows}
            known |= {text: found[digest_of(kept)] for text, kept in fitting.items()}
        return known

    def _roster(self, connection: Connection, tests: list[int]) -> int:
        data = packed(tests)
        digest = digest_of(data.hex())
        known = self._ids[ROSTER]
        if digest not in known:
            found = connection.execute(select(ROSTER.c.id).where(ROSTER.c.digest == digest)).scalar()
            if found is None:
                row = {"digest": digest, "size": len(tests), "tests": data}
                found = connection.execute(insert(ROSTER).returning(ROSTER.c.id), row).scalar_one()
            known[digest] = found
        return known[digest]


def _storable(text: str) -> str:
    """PostgreSQL keeps no NUL, and no database half a surrogate."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
