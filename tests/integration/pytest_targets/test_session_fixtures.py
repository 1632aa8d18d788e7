"""Fixtures of the session in forks: each sets them up, or their process does so once."""

import pytest
from tests.integration.pytest_targets.conftest import Suite

SUITE = {
    "conftest": """
        import os, pathlib, pytest, time
        NOTES = pathlib.Path(__file__).with_name("notes")
        def note(text):
            with NOTES.open("a") as file: file.write(f"{text}\\n")
        @pytest.fixture(scope="session")
        def database(tmp_path_factory):
            time.sleep(0.1)  # it takes its time
            path = tmp_path_factory.mktemp("database") / "rows"
            path.write_text(str(os.getpid()))
            yield path
            note(f"down {os.getpid()} {path.read_text()}")
        @pytest.fixture(scope="session", params=["a", "b"])
        def kind(request): return request.param
        @pytest.fixture(scope="session")
        def broken(): raise ValueError("no such host")
        @pytest.fixture(scope="session")
        def absent(): pytest.skip("not here")
        @pytest.fixture(scope="module")
        def module(): note("module")
    """,
    "test_it": """
        from conftest import note
        def test_rows(database, module): note(f"up {database.read_text()}")
        def test_kind(kind, tmp_path): assert kind in "ab" and tmp_path.is_dir()
        def test_broken(broken): pass
        def test_absent(absent): pass
    """,
}


@pytest.mark.parametrize("how", ["each", "once"])
def test_who_sets_them_up(suite: Suite, how: str) -> None:
    """Outcomes are the same in any case; what is below the session belongs to each pass."""
    suite.write(**SUITE)
    seen = suite.run("test_it.py", count=4, session_fixtures=how)
    outcomes = {item.item.rpartition("::")[2]: item.outcomes for item in seen.summary.items}
    assert outcomes == {
        "test_rows": {"passed": 4},
        "test_kind[a]": {"passed": 4},
        "test_kind[b]": {"passed": 4},
        "test_broken": {"failed": 4},
        "test_absent": {"skipped": 4},
    }
    assert {failure.details["exception"]["message"] for failure in seen.failures} == {"no such host"}
    notes = (suite.folder / "notes").read_text().splitlines()
    up, down = ([note for note in notes if note.startswith(word)] for word in ("up", "down"))
    made = {note.split()[1] for note in up}
    assert notes.count("module") == len(up) == 4
    assert len(made) == len(down) == (4 if how == "each" else 1)
    assert {note.split()[1] for note in down} == {note.split()[2] for note in down} == made


def test_what_they_take_is_said(suite: Suite) -> None:
    """Once, with the name of the fixture, where it is most of a pass; and no more when that has been taken up."""
    suite.write(conftest=SUITE["conftest"], test_it="def test_rows(database): pass")
    said = [note for note in suite.run("test_it.py", count=6).notes if "of a pass" in note]
    assert len(said) == 1
    assert "(database" in said[0]
    assert "--session-fixtures once" in said[0]
    again = suite.run("test_it.py", count=6, session_fixtures="once")
    assert not any("of a pass" in note for note in again.notes)
