"""Tests that run at once have a number each, as pytest-xdist would give it; one at a time is as with plain pytest."""

from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite, every_isolation, kept_processes

import flakeproof

pytest.importorskip("xdist")

# The folder stands for a database: two that use one at the same time see each other.
TESTS = """
    import glob
    import os
    import time
    import pytest

    @pytest.fixture(scope="session")
    def database(worker_id):
        name = f"database_{worker_id}"
        os.mkdir(name)
        yield name
        os.rmdir(name)

    def test_it(database, worker_id, request):
        assert os.environ.get("PYTEST_XDIST_WORKER", "master") == worker_id
        if worker_id != "master":
            assert os.environ["PYTEST_XDIST_WORKER_COUNT"] == str(request.config.workerinput["workercount"])
        open(f"seen_{worker_id}", "a").close()
        try:
            os.mkdir("first")  # the first test of a run may be alone: the others wait for it
        except FileExistsError:
            deadline = time.monotonic() + 20
            while worker_id != "master" and len(glob.glob("seen_*")) < 2 and time.monotonic() < deadline:
                time.sleep(0.005)  # the others have to come to a test as well
"""


@pytest.fixture(autouse=True)
def outside_of_xdist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests of flakeproof may run under xdist themselves."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)


def seen(folder: Path) -> set[str]:
    """The names that tests had."""
    return {path.name.removeprefix("seen_") for path in folder.glob("seen_*")}


@every_isolation
def test_each_place_has_a_number_of_its_own(suite: Suite, isolation: str) -> None:
    """Copies with a database for each `worker_id` do not collide."""
    suite.write(test_it=TESTS)
    found = suite.run(isolation=isolation, count=12, workers=3, processes=None if isolation == "shared" else 2)
    assert found.summary.outcomes == {"passed": 12}
    assert seen(suite.folder) <= {"gw0", "gw1", "gw2"}
    assert len(seen(suite.folder)) > 1


@kept_processes
def test_one_at_a_time_is_the_master(suite: Suite, isolation: str) -> None:
    """As plain pytest has it."""
    suite.write(test_it=TESTS)
    assert suite.run(isolation=isolation, count=2).summary.outcomes == {"passed": 2}
    assert seen(suite.folder) == {"master"}


@pytest.mark.long
def test_inside_of_a_worker_of_xdist_numbers_are_nobody_elses(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each worker of xdist may come here."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    suite.write(test_it=TESTS)
    suite.run(count=8, workers=2)
    assert seen(suite.folder) <= {"gw2", "gw3"}


def test_commands_are_told_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite that is run by a command finds its number in the environment."""
    monkeypatch.chdir(tmp_path)
    script = 'echo "$PYTEST_XDIST_WORKER of $PYTEST_XDIST_WORKER_COUNT" >> told'
    flakeproof.run(["sh", "-c", script], count=8, workers=2, processes=1)
    assert set(Path("told").read_text().split("\n")) - {""} <= {"gw0 of 2", "gw1 of 2"}
    Path("told").unlink()
    flakeproof.run(["sh", "-c", script], count=1, workers=1)
    assert Path("told").read_text() == " of \n"
