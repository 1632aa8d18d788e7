"""What is imported: JUnit files and records of our own runs, in files, folders and archives, as results of jobs."""

import hashlib
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from os import utime
from pathlib import Path, PurePath

from flakeproof.errors import FlakeproofError, UsageError
from flakeproof.failures import junit_reports
from flakeproof.failures.signature import normalised
from flakeproof.features.ci.artifacts import Artifact, artifacts
from flakeproof.features.history.job_facts import FROM_FILE, FROM_OPTION, FactFinder, JobFacts, moment
from flakeproof.features.history.job_results import FailedInJob, JobResults
from flakeproof.features.history.run_records import of_run
from flakeproof.features.merge.parts import files_below, unpack
from flakeproof.store.log import LOG_NAME
from flakeproof.text import shown_path

MOST_FILES = 1_000_000
_START = 2_000


class ResultsFiles:
    """Reads them, job by job."""

    def __init__(self, facts: FactFinder, warn: Callable[[str], None], is_known: Callable[[str], bool]) -> None:
        """What is left out is told to `warn`; a file whose digest `is_known` is not read again."""
        self._facts = facts
        self._warn = warn
        self._is_known = is_known
        self._seen: set[str] = set()
        self.files = 0
        """JUnit files and records that were read …"""
        self.known = 0
        """… and those that had been imported before."""

    def read(self, name: str) -> Iterator[JobResults]:
        """The jobs in a file, a folder or an archive. Raises UsageError where there is nothing to read."""
        path = Path(name)
        if path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path)):
            with tempfile.TemporaryDirectory(prefix="flakeproof-history-") as temporary:
                unpack(path, Path(temporary))
                _keep_times(path, Path(temporary))
                yield from self._within(Path(temporary), shown_path(name), is_recent=False)
            return
        yield from self._within(path, shown_path(name), is_recent=True)

    def _within(self, path: Path, shown: str, *, is_recent: bool) -> Iterator[JobResults]:
        before = self.files + self.known
        if path.is_dir():
            for log in sorted(files_below(path, LOG_NAME)):
                yield from self._record(log.parent)
        try:
            yield from self._reports(path, shown, is_recent=is_recent)
        except UsageError:  # a folder with nothing but records
            if self.files + self.known == before:
                raise
        if self.files + self.known == before:
            raise UsageError(
                f"{shown}: there is no JUnit file and no record of a run in it",
                "name JUnit XML, a folder or an archive of it, or a folder .flakeproof",
            )

    def _record(self, folder: Path) -> Iterator[JobResults]:
        """That of a run, also of one that is known: it may have gone on since."""
        try:
            found = of_run(folder, self._facts)
        except FlakeproofError as error:
            self._warn(f"left out: {error.message}")
            return
        if isinstance(found, str):
            self._warn(f"left out: {shown_path(str(folder))}: {found}")
            return
        if found.documents[0] in self._seen:
            return
        self._seen.add(found.documents[0])
        self.files += 1
        yield found

    def _reports(self, path: Path, shown: str, *, is_recent: bool) -> Iterator[JobResults]:
        """The jobs of JUnit files; files of one folder that share no test are of one job."""
        pending: JobResults | None = None
        folder: PurePath | None = None
        for artifact in artifacts(str(path), MOST_FILES):
            inside = PurePath(artifact.name).parent
            try:
                found = self._report(artifact, path, shown, is_recent=is_recent)
            except OSError as error:
                self._warn(f"left out: {artifact.name} cannot be read: {error.strerror or error}")
                continue
            if found is None:
                continue
            if pending is not None and folder == inside and pending.holds(found):
                pending.add(found)
                continue
            if pending is not None:
                yield pending
            pending, folder = found, inside
        if pending is not None:
            yield pending

    def _report(self, artifact: Artifact, path: Path, shown: str, *, is_recent: bool) -> JobResults | None:
        chunks = artifact.open()
        start = b""
        for chunk in chunks:
            start += chunk
            if len(start) >= _START:
                break
        if not start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<?xml", b"<testsuite")):
            return None
        digest = hashlib.sha256()

        def digested() -> Iterator[bytes]:
            for chunk in chain([start], chunks):
                digest.update(chunk)
                yield chunk

        report = junit_reports.read(digested(), artifact.name)
        if report is None:
            return None
        name = artifact.name if path.is_file() else f"{shown}/{artifact.name}"
        if not report.is_complete:
            self._warn(f"left out: {name} is cut off")
            return None
        started = moment(report.started[0]) if report.started is not None else None
        facts = self._facts.find(
            report.properties,
            started=started if started is not None else _written(path, artifact.name),
            machine=report.machine,
            is_recent=is_recent,
        )
        # The same content is the same result, unless it is told to be of another build.
        key = hashlib.sha256(digest.digest() + facts.build.encode() * (_says_build(facts))).hexdigest()
        if key in self._seen or self._is_known(key):
            self.known += 1
            return None
        self._seen.add(key)
        self.files += 1
        found = JobResults("junit", name if path.is_dir() else shown, facts, [key])
        for one in report.tests:
            found.seconds += one.seconds
            if one.outcome == "skipped":
                found.skipped += 1
                continue
            found.ran.add(one.test)
            if one.outcome == "failed" or one.passed_later:
                told = one.said.message if one.said is not None else ""
                later = one.passed_later and one.outcome != "failed"
                found.failed[one.test] = FailedInJob(1, 1, later, one.seconds, normalised(told))
        return found


def _says_build(facts: JobFacts) -> bool:
    return dict(facts.sources).get("build") in (FROM_OPTION, FROM_FILE)


def _written(path: Path, inside: str) -> float:
    file = path / inside if path.is_dir() else path
    for one in (file, path):
        with suppress(OSError):
            return one.stat().st_mtime
    return 0.0


def _keep_times(archive: Path, folder: Path) -> None:
    """Give what was unpacked from a zip the times that stand there, as tar does by itself."""
    if not zipfile.is_zipfile(archive):
        return
    with zipfile.ZipFile(archive) as packed:
        for one in packed.infolist():
            with suppress(OSError, ValueError):
                at = datetime(*one.date_time, tzinfo=UTC).timestamp()
                utime(folder / one.filename, (at, at))
