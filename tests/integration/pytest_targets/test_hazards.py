"""What real suites do: state that outlives a test, teardowns that fail, processes that are spoiled, seeds at import."""

import os
from pathlib import Path

import pytest
from tests.integration.pytest_targets.conftest import Suite, every_isolation, kept_processes

COUNTING = """
    import pytest
    SEEN = []

    @pytest.fixture(scope="session")
    def session(): SEEN.append("session"); yield; SEEN.append("no session")

    @pytest.fixture(scope="module")
    def module(session): SEEN.append("module"); yield; SEEN.append("no module")

    @pytest.fixture(scope="class")
    def cls(module): SEEN.append("class"); yield; SEEN.append("no class")

    @pytest.fixture
    def function(cls): SEEN.append("function"); yield; SEEN.append("no function")

    class TestIt:
        def test_one(self, function): pass
        def test_two(self, function): pass

    def test_last(session):
        with open("seen", "w") as file:
            file.write(" ".join(SEEN))
"""
ONE_PASS = "module class function no function function no function no class no module"


@every_isolation
def test_fixtures_of_every_scope(suite: Suite, isolation: str) -> None:
    """They are set up and torn down as in a run of pytest, trial after trial; a shared process keeps its session."""
    suite.write(test_it=COUNTING)
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    assert seen.summary.passed == 2
    found = (suite.folder / "seen").read_text()
    # The module goes after its last test, which therefore does not see that.
    whole = f"session {ONE_PASS}".removesuffix(" no module")
    shared = f"{whole} no module {ONE_PASS}".removesuffix(" no module")
    assert found == (shared if isolation == "shared" else whole)


@kept_processes
def test_a_test_on_its_own_gets_its_fixtures_anew(suite: Suite, isolation: str) -> None:
    """Repeating one test sets up class and module fixtures for each trial: nothing of an earlier one is kept."""
    suite.write(
        test_it="""
        import pytest
        class TestIt:
            @pytest.fixture(scope="class")
            def cart(self): yield []
            def test_it(self, cart):
                cart.append(1)
                assert cart == [1]
        """
    )
    assert suite.run("test_it.py::TestIt::test_it", isolation=isolation, count=3).summary.passed == 3


@kept_processes
@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "TestIt",
            """
        class TestIt:
            @classmethod
            def teardown_class(cls): raise OSError("cannot tidy up")
            def test_first(self): pass
            def test_last(self): pass
        """,
        ),
        (
            "TestIt",
            """
        import unittest
        class TestIt(unittest.TestCase):
            @classmethod
            def tearDownClass(cls): raise OSError("cannot tidy up")
            def test_first(self): pass
            def test_last(self): pass
        """,
        ),
        (
            "test_it.py",
            """
        def teardown_module(): raise OSError("cannot tidy up")
        def test_first(): pass
        def test_last(): pass
        """,
        ),
    ],
    ids=["class", "unittest", "module"],
)
def test_a_teardown_is_not_charged_to_the_last_test(suite: Suite, isolation: str, name: str, text: str) -> None:
    """What a class or a module leaves undone fails in its own name."""
    suite.write(test_it=text)
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    assert [item.failed for item in seen.summary.items if item.item.endswith(("test_first", "test_last"))] == [0, 0]
    owner = seen.summary.items[-1]
    assert owner.item in (f"test_it.py::{name} (teardown)", f"{name} (teardown)")
    assert (owner.failed, owner.passed, seen.summary.failed) == (2, 0, 2)
    assert "cannot tidy up" in seen.failures[0].message
    assert seen.failures[0].message.startswith("teardown: ")


@kept_processes
def test_a_teardown_that_fails_once(suite: Suite, isolation: str) -> None:
    """It has a rate of its own: the other passes count for it."""
    suite.write(
        test_it="""
        import os
        def teardown_module(): assert os.environ["FLAKEPROOF_TRIAL"] != "2", "late"
        def test_it(): pass
        """
    )
    owner = suite.run("test_it.py", isolation=isolation, count=3).summary.items[-1]
    assert (owner.item, owner.failed, owner.passed) == ("test_it.py (teardown)", 1, 2)


@kept_processes
@pytest.mark.parametrize(
    ("how", "message"),
    [("raise KeyboardInterrupt", "KeyboardInterrupt"), ("pytest.exit('enough')", "enough")],
)
def test_one_that_ends_pytest(suite: Suite, isolation: str, how: str, message: str) -> None:
    """A test that stops pytest altogether has failed; the run goes on without that process."""
    suite.write(
        test_it=f"""
        import os, pytest
        def test_before(): pass
        def test_it():
            if os.environ["FLAKEPROOF_TRIAL"] == "2":
                {how}
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=4)
    assert (seen.summary.passed, seen.summary.failed) == (3, 1)
    (failure,) = seen.failures
    assert (failure.trial, failure.item) == (2, "test_it.py::test_it")
    assert message in failure.message


@kept_processes
def test_a_spoiled_process_loses_the_trial(suite: Suite, isolation: str) -> None:
    """Where a test has broken pytest itself there is no verdict on it: the trial is lost, and nothing else."""
    suite.write(
        test_it="""
        import os, _pytest.runner
        def test_it():
            if os.environ["FLAKEPROOF_TRIAL"] == "2":
                _pytest.runner.runtestprotocol = None
        """
    )
    seen = suite.run("test_it.py", isolation=isolation, count=4)
    assert (seen.summary.failed, len(seen.lost)) == (0, isolation == "shared")
    assert all("pytest itself failed: TypeError" in why for why in seen.lost)


def test_what_a_spoiled_process_was_given_runs_elsewhere(suite: Suite) -> None:
    """Also where that were many trials at once."""
    suite.write(
        test_it="""
        import os, _pytest.runner
        def test_it():
            if os.environ["FLAKEPROOF_TRIAL"] == "301":
                _pytest.runner.runtestprotocol = None
        """
    )
    seen = suite.run("test_it.py", isolation="shared", count=1000)
    assert (seen.summary.passed, len(seen.lost), seen.summary.total) == (999, 1, 1000)


@every_isolation
def test_a_seed_set_at_import_counts(suite: Suite, isolation: str) -> None:
    """Tests that seed `random` at import get what comes of that, although fork(2) would have changed it."""
    suite.write(
        test_it="""
        import random
        random.seed(42)
        def test_it(): assert random.random() == random.Random(42).random()
        """
    )
    assert suite.run("test_it.py", isolation=isolation, count=1 if isolation == "shared" else 2).summary.failed == 0


@every_isolation
def test_otherwise_each_trial_has_its_own_randomness(suite: Suite, isolation: str) -> None:
    """It comes from the trial's seed: different in each trial, the same in a replay."""
    suite.write(
        test_it="""
        import os, random
        def test_it():
            with open(os.environ["FLAKEPROOF_TRIAL"], "a") as file:
                file.write(f"{random.random()}\\n")
        """
    )
    for _ in range(2):
        suite.run("test_it.py", isolation=isolation, count=2)
    first, second = [(suite.folder / name).read_text().split() for name in "12"]
    assert first[0] == first[1] != second[0] == second[1]


def test_the_import_of_another_file_changes_a_result(suite: Suite) -> None:
    """What is selected is what is collected: -k imports every file, a node id only its own; both is said."""
    suite.write(
        shop="PRICE = 1\n",
        test_a="import shop\nshop.PRICE = 2\ndef test_a(): pass\n",
        test_b="import shop\ndef test_b(): assert shop.PRICE == 1\n",
    )
    suite.write(conftest="import sys\nsys.path.insert(0, '.')\n")
    assert suite.run("test_b.py::test_b").summary.failed == 0
    assert suite.run(options=("-k", "test_b")).summary.failed == 1


@kept_processes
def test_the_working_directory_is_restored(suite: Suite, isolation: str) -> None:
    """A test that changes it, or removes it, does not disturb the next."""
    suite.write(
        test_it="""
        import os
        def test_it(tmp_path):
            assert os.path.exists("test_it.py")
            os.mkdir(tmp_path / "here")
            os.chdir(tmp_path / "here")
            os.rmdir(tmp_path / "here")
        """
    )
    assert suite.run("test_it.py", isolation=isolation, count=2).summary.passed == 2


@every_isolation
def test_each_trial_has_its_temporary_folder(suite: Suite, isolation: str, tmp_path: Path) -> None:
    """`tempfile` and `tmp_path` lead into a folder of the trial, which goes with it."""
    suite.write(
        test_it="""
        import os, tempfile
        def test_it(tmp_path):
            file = tempfile.NamedTemporaryFile(delete=False).name
            assert os.listdir(os.environ["TMPDIR"]) and file.startswith(os.environ["TMPDIR"])
            assert str(tmp_path).startswith(os.environ["TMPDIR"])
            os.chmod(tmp_path, 0)
            with open("places", "a") as places:
                places.write(os.environ["TMPDIR"] + "\\n")
        """
    )
    before = set(Path(os.environ.get("TMPDIR", "/tmp")).iterdir())
    assert suite.run("test_it.py", isolation=isolation, count=3).summary.passed == 3
    places = (suite.folder / "places").read_text().split()
    assert len(set(places)) == 3
    assert not any(Path(place).exists() for place in places)
    left = set(Path(os.environ.get("TMPDIR", "/tmp")).iterdir()) - before
    assert not [path for path in left if path.name.startswith("flakeproof-") and str(path) in str(places)]


def test_files_of_the_session_outlive_the_trial(suite: Suite) -> None:
    """In a shared process a fixture of the session may keep files for later trials."""
    suite.write(
        test_it="""
        import os, pytest, tempfile
        @pytest.fixture(scope="session")
        def files(tmp_path_factory):
            first = tmp_path_factory.mktemp("data") / "file"
            first.write_text("x")
            with tempfile.NamedTemporaryFile(delete=False) as second:
                return [first, second.name]
        @pytest.fixture(scope="session")
        def more(tmp_path_factory):
            return tmp_path_factory.mktemp("data")
        def test_it(files, more, tmp_path):
            assert all(os.path.exists(file) for file in [*files, more])
        """
    )
    assert suite.run("test_it.py", isolation="shared", count=3).summary.passed == 3


@kept_processes
def test_a_private_home(suite: Suite, isolation: str) -> None:
    """With --private-home each trial has an empty home of its own; without, the user's."""
    suite.write(
        test_it="""
        import os, pathlib
        def test_it():
            assert list(pathlib.Path.home().iterdir()) == []
            assert "XDG_CONFIG_HOME" not in os.environ
            (pathlib.Path.home() / ".state").write_text("x")
        """
    )
    assert suite.run("test_it.py", isolation=isolation, count=2, private_home=True).summary.passed == 2


@kept_processes
def test_files_left_in_the_project_are_reported(suite: Suite, isolation: str) -> None:
    """Files that tests have made, changed or removed in the project are named at the end."""
    suite.write(
        test_it="""
        import pathlib
        def test_it():
            pathlib.Path("left.txt").write_text("x")
            pathlib.Path("changed.txt").write_text("longer than before")
            pathlib.Path("gone.txt").unlink(missing_ok=True)
        """
    )
    (suite.folder / "changed.txt").write_text("short")
    (suite.folder / "gone.txt").write_text("x")
    (suite.folder / "kept.txt").write_text("x")
    seen = suite.run("test_it.py", isolation=isolation, count=2)
    (note,) = [note for note in seen.notes if "the tests have" in note]
    for word in ("made left.txt", "changed changed.txt", "removed gone.txt"):
        assert word in note
    assert "kept.txt" not in note
    assert "__pycache__" not in note
