"""SQLite and PostgreSQL give the same answers, whatever the results are."""

import tempfile

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.integration.history.conftest import new_database
from tests.integration.history.reports import kept_in

from flakeproof.features.history.database import HistoryDatabase
from flakeproof.features.history.importing import Importer
from flakeproof.features.history.job_facts import JobFacts
from flakeproof.features.history.job_results import FailedInJob, JobResults
from flakeproof.features.history.loading import Wanted
from flakeproof.features.history.ranking import Ranking
from flakeproof.features.history.records import HistoryReport

_NAMES = st.text(min_size=1, max_size=20)
_FAILED = st.builds(
    FailedInJob,
    failures=st.just(1),
    trials=st.just(1),
    passed_later=st.booleans(),
    seconds=st.floats(0, 1e4),
    signature=st.text(max_size=30),
)
_FACTS = st.builds(
    JobFacts,
    commit=st.sampled_from(["", "a" * 40, "b" * 40, "c" * 40]),
    branch=st.sampled_from(["", "main", "dév"]),
    job=st.text(max_size=5),
    machine=st.sampled_from(["", "vm", "\U0001f600"]),
    started=st.floats(1e9, 2e9),
)


@st.composite
def _jobs(draw: st.DrawFn) -> list[JobResults]:
    found = []
    for number in range(draw(st.integers(0, 8))):
        ran = draw(st.sets(_NAMES, min_size=1, max_size=5))
        failed = draw(st.dictionaries(st.sampled_from(sorted(ran)), _FAILED, max_size=3))
        seconds = draw(st.floats(0, 1e5))
        found.append(JobResults("junit", f"{number}.xml", draw(_FACTS), [f"{number}"], ran, failed, seconds=seconds))
    return found


def _told(place: str, jobs: list[JobResults], branch: str) -> HistoryReport:
    database = HistoryDatabase(place)
    importer = Importer(database)
    for job in jobs:
        importer.add(job)
    importer.finish()
    with database.writing() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM job").scalar() == len(jobs)
    database.close()
    return Ranking(kept_in(place, Wanted(branch=branch)), "flakeproof", "").report({})


@pytest.mark.long
@given(st.data())
@settings(max_examples=12, phases=[Phase.explicit, Phase.generate])
def test_the_same_answers(server: str, data: st.DataObject) -> None:
    """To the last digit, also with texts that only one of them would take."""
    jobs = data.draw(_jobs())
    branch = data.draw(st.sampled_from(["", "main", "dév"]))
    with tempfile.TemporaryDirectory() as folder:
        first = _told(f"{folder}/history.db", jobs, branch)
    assert _told(new_database(server), jobs, branch) == first
