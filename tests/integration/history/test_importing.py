"""Results of jobs go into the history once, whole, and with what is known of them."""

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from html import escape
from pathlib import Path

import pytest
from tests.integration.history.conftest import new_database
from tests.integration.history.reports import NOW, contents, import_into, jobs_in, junit, kept_in

from flakeproof.errors import UsageError
from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.importing import Importer
from flakeproof.features.history.job_facts import JobFacts, moment
from flakeproof.features.history.job_results import FailedInJob, JobResults

_COMMIT = "c" * 40


def write(folder: Path, **reports: str) -> Path:
    """The folder, with the reports in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in reports.items():
        (folder / f"{name}.xml").write_text(text)
    return folder


def test_a_report_is_a_job(place: str, tmp_path: Path) -> None:
    """With its tests, its failures, its time; skipped tests have not run."""
    write(tmp_path / "r", one=junit({"test_a": "", "test_b": "boom 17", "test_c": "-"}))
    importer, reader, warnings = import_into(place, tmp_path / "r")
    assert (importer.added.jobs, importer.added.results, importer.added.failures) == (1, 3, 1)
    assert (reader.files, reader.known, warnings) == (1, 0, [])
    kept = kept_in(place)
    (job,) = kept.jobs
    assert (len(kept.rosters[job.roster]), job.machine, job.seconds) == (2, "vm", 1.5)
    assert job.started == moment("2026-03-01T10:00:00Z")
    ((test, (failure,)),) = kept.failures.items()
    assert kept.names[test] == "tests/test_a.py::test_b"
    assert (failure.failures, failure.trials, failure.signature) == (1, 1, "boom <n>")


def test_the_same_file_counts_once(place: str, tmp_path: Path) -> None:
    """Twice, copied, in a folder and in a zip."""
    folder = write(tmp_path / "r", one=junit({"test_a": ""}), two=junit({"test_a": ""}))
    with zipfile.ZipFile(tmp_path / "r.zip", "w") as packed:
        packed.write(folder / "one.xml", "artifact/one.xml")
    with tarfile.open(tmp_path / "r.tar.gz", "w:gz") as packed_tar:
        packed_tar.add(folder / "one.xml", "one.xml")
    importer, reader, _ = import_into(place, folder, tmp_path / "r.zip", tmp_path / "r.tar.gz", folder / "one.xml")
    assert importer.added.jobs == 1
    assert reader.known == 4
    importer, reader, _ = import_into(place, folder)
    assert (importer.added.jobs, reader.known) == (0, 2)
    assert len(jobs_in(place)) == 1


def test_the_same_content_of_another_build_is_another_job(tmp_path: Path) -> None:
    """Where somebody says so."""
    place = str(tmp_path / "h.db")
    folder = write(tmp_path / "r", one=junit({"test_a": ""}))
    import_into(place, folder, build="1")
    import_into(place, folder, build="2")
    import_into(place, folder, build="2")
    assert sorted(job["build"] for job in jobs_in(place)) == ["1", "2"]


def test_attempts_are_no_runs(tmp_path: Path) -> None:
    """Surefire's reruns, and pytest's, which has a case for each attempt."""
    surefire = """<testsuite name="shop.BillTest" timestamp="2026-03-01T10:00:00" tests="3">
      <testcase classname="shop.BillTest" name="adds" time="1"><flakyFailure message="late">x</flakyFailure></testcase>
      <testcase classname="shop.BillTest" name="sums" time="1"><failure message="no">x</failure>
        <rerunFailure message="no">x</rerunFailure><rerunFailure message="no">x</rerunFailure></testcase>
      <testcase classname="shop.BillTest" name="prints" time="1"/></testsuite>"""
    twice = junit({"test_a": "late"}).replace(
        "</testcase>", '</testcase><testcase classname="tests.test_a" name="test_a" time="0.1"/>'
    )
    place = str(tmp_path / "h.db")
    import_into(place, write(tmp_path / "s", one=surefire), write(tmp_path / "p", one=twice))
    kept = kept_in(place)
    seen = {kept.names[test]: failures for test, failures in kept.failures.items()}
    assert {name: [(one.failures, one.trials, one.passed_later) for one in found] for name, found in seen.items()} == {
        "shop.BillTest::adds": [(1, 1, True)],
        "shop.BillTest::sums": [(1, 1, False)],
        "tests/test_a.py::test_a": [(1, 1, True)],
    }
    assert sorted(len(tests) for tests in kept.rosters.values()) == [1, 3]


def test_files_of_one_folder_that_share_no_test_are_one_job(tmp_path: Path) -> None:
    """As Surefire writes a file for each class; a file with the same tests is another job."""
    place = str(tmp_path / "h.db")
    folder = write(
        tmp_path / "r",
        a=junit({"test_a": "x"}),
        b=junit({"test_b": "x"}),
        c=junit({"test_a": ""}, at="2026-03-02T10:00:00"),
    )
    write(folder / "other", d=junit({"test_d": ""}))
    importer, *_ = import_into(place, folder)
    assert importer.added.jobs == 3
    assert len(contents(place)["documents"]) == 4


def test_facts_come_from_options_then_the_file_then_the_environment(tmp_path: Path) -> None:
    """The environment speaks only of what is as new as this job."""
    place = str(tmp_path / "h.db")
    variables = {"GITHUB_SHA": "e" * 40, "GITHUB_REF_NAME": "dev", "GITHUB_JOB": "unit"}
    new = "2026-09-21T10:00:00Z"
    assert abs((moment(new) or 0) - NOW) < 86_400
    told = {"git.commit": _COMMIT, "branch": "main"}
    write(tmp_path / "r", a=junit({"test_a": ""}, at=new, properties=told))
    write(tmp_path / "s", b=junit({"test_a": ""}, at=new))
    write(tmp_path / "t", c=junit({"test_a": ""}, at="2026-01-01T00:00:00"))
    import_into(place, tmp_path / "r", tmp_path / "s", tmp_path / "t", environment=variables, job="mine")
    facts = [(job["commit"], job["branch"], job["name"]) for job in jobs_in(place)]
    assert sorted(facts) == sorted([("", "", "mine"), (_COMMIT, "main", "mine"), ("e" * 40, "dev", "mine")])


@pytest.mark.parametrize("text", ["", "<testsuites><testsuite name='pytest'><testcase", "<html/>", "\0\1"])
def test_what_is_no_report_is_left_out(text: str, tmp_path: Path) -> None:
    """The others are imported; with nothing else it is an error that says what is wanted."""
    place = str(tmp_path / "h.db")
    folder = write(tmp_path / "r", bad=text)
    with pytest.raises(UsageError, match="no JUnit file"):
        import_into(place, folder)
    write(folder, good=junit({"test_a": ""}))
    importer, _, warnings = import_into(place, folder)
    assert importer.added.jobs == 1
    assert len(warnings) == ("testcase" in text)


def test_hostile_names(place: str, tmp_path: Path) -> None:
    """Of any length and any character that XML has."""
    names = ["<script>alert(1)</script>", "\u202eabc", "x" * 5000, "' OR 1=1; --", "\U0001f600"]
    cases = "".join(
        f'<testcase classname="k" name="{escape(name)}"><failure message="{escape(name)}"/></testcase>'
        for name in names
    )
    import_into(place, write(tmp_path / "r", a=f'<testsuite name="s">{cases}</testsuite>'))
    assert sorted(kept_in(place).names.values()) == sorted(f"k::{name[:2000]}" for name in names)


def jobs(count: int, tests: int = 50, first: int = 0) -> dict[str, str]:
    """Reports of so many jobs."""
    return {
        f"job{number:04}": junit(
            {f"test_{test}": "boom" if (test + number) % 10 == 0 else "" for test in range(tests)},
            at=f"2026-03-01T{number // 60:02}:{number % 60:02}:00",
        )
        for number in range(first, first + count)
    }


def test_killed_in_the_middle_leaves_nothing_half_in(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job that is there is whole, and a second import makes up for the rest."""
    folder = write(tmp_path / "r", **jobs(8))
    whole = str(tmp_path / "whole.db")
    import_into(whole, folder)
    monkeypatch.setattr("flakeproof.features.history.importing._AT_ONCE", 150)  # three jobs at once
    write_job = Importer._write
    written = []

    def dies_at_the_fifth(self: Importer, connection: object, job: JobResults) -> bool:
        done = write_job(self, connection, job)  # type: ignore[arg-type]
        written.append(job)
        if len(written) == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return done

    HistoryDatabase(place).close()
    child = os.fork()
    if not child:
        try:
            monkeypatch.setattr(Importer, "_write", dies_at_the_fifth)
            import_into(place, folder)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    expected, half = contents(whole), contents(place)
    assert len(half["jobs"]) == 3
    there = {digest for digest, *_ in half["jobs"]}
    for kind in ("jobs", "failures"):
        assert half[kind] == [row for row in expected[kind] if row[0] in there]
    import_into(place, folder)
    assert contents(place) == expected


def test_two_importers_at_once_lose_nothing(place: str, tmp_path: Path) -> None:
    """Of a history that is not there yet, with files that both have."""
    one = write(tmp_path / "one", **jobs(30))
    two = write(tmp_path / "two", **jobs(30, first=15))
    whole = str(tmp_path / "whole.db")
    import_into(whole, one, two)
    words = [sys.executable, "-m", "flakeproof", "history", "import", "--history", place]
    started = [
        subprocess.Popen(
            [*words, str(folder)], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for folder in (one, two)
    ]
    for process in started:
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output
    assert contents(place) == contents(whole)


def test_a_run_that_has_gone_on_replaces_what_was_known_of_it(place: str) -> None:
    """Whole, and once; what is shorter than what is known is that run before it went on."""
    database = HistoryDatabase(place)
    for trials, failures, is_new in ((20, 2, True), (50, 3, True), (20, 2, False), (50, 3, False)):
        importer = Importer(database)
        run = JobResults("run", "runs/r", JobFacts(started=1.0), ["run:r"], {"m:f"}, trials=trials)
        run.failed["m:f"] = FailedInJob(failures, trials, signature="boom")
        importer.add(run)
        importer.finish()
        assert importer.added.jobs == is_new
    database.close()
    (job,) = jobs_in(place)
    assert job["trials"] == 50
    assert contents(place)["failures"] == [("run:r", "m:f", 3, False)]


def test_a_newer_history_is_refused(place: str) -> None:
    """Instead of guessing what its tables mean."""
    database = HistoryDatabase(place)
    with database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    with pytest.raises(UsageError, match="newer flakeproof"):
        HistoryDatabase(place)


def test_what_alembic_makes_is_what_the_code_expects(place: str) -> None:
    """The tables of the newest migration are those of `tables`."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from flakeproof.features.history.tables import METADATA

    database = HistoryDatabase(place)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def test_what_is_no_database(tmp_path: Path) -> None:
    """A file of something else, a folder, a server that is not there: told, with exit code 2, and left as it is."""
    (tmp_path / "notes.txt").write_text("not a database, but long enough to look at " * 10)
    for place in (
        str(tmp_path / "notes.txt"),
        str(tmp_path),
        "postgresql://nobody:secret@/x?host=/nowhere",
        "postgresql://[",
    ):
        with pytest.raises(UsageError) as told:
            HistoryDatabase(place)
        assert "secret" not in told.value.message
    assert (tmp_path / "notes.txt").read_text().startswith("not a database")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


@pytest.mark.long
def test_databases_of_a_server_are_apart(server: str, tmp_path: Path) -> None:
    """What the tests themselves rest on."""
    one, two = new_database(server), new_database(server)
    import_into(one, write(tmp_path / "r", a=junit({"test_a": ""})))
    assert (len(jobs_in(one)), len(jobs_in(two))) == (1, 0)
