"""`flakeproof show`: what an earlier run has found, without running anything."""

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof


def test_an_earlier_run_and_its_failures_in_full(flakeproof: Flakeproof, project: Path) -> None:
    """The latest one, one by its id, and one test of it; the record is not touched."""
    first = flakeproof("run", "targets:fails_at_17", "-c", "40", "-w", "1")
    (run,) = (project / ".flakeproof" / "runs").iterdir()
    before = (run / "events.jsonl").read_bytes()

    for words in ((), ("latest",), (run.name,), (run.name[:-2],), (f".flakeproof/runs/{run.name}",)):
        shown = flakeproof("show", *words)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.splitlines()[-1] == first.stdout.splitlines()[-1]
        assert 'raise ValueError("seventeen")' in shown.stdout
        assert "Output of the test:\n      seen before the end\n" in shown.stdout
        assert "Clopper-Pearson" in shown.stdout

    failed, passed = flakeproof("show", "latest", "17"), flakeproof("show", "latest", "18")
    assert "FAILURE #1 on test 17: ValueError: seventeen\n    Traceback (most recent call last):\n" in failed.stdout
    assert f"replay {run.name} 17\n" in failed.stdout
    assert "Nothing is recorded of test 18 by itself: it passed, or was not run. Failed: 17\n" in passed.stdout
    assert [path.name for path in (project / ".flakeproof" / "runs").iterdir()] == [run.name]
    assert (run / "events.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "code", "message", "remedy"),
    [
        (["latets"], 2, "the run 'latets' is not known in ", "; did you mean latest?"),
        (["latest", "400"], 2, "the run has no such test: 400 is not between 1 and 3", "its tests are 1 to 3"),
        (["latest", "x"], 2, "the run has no such test: 'x' is not a whole number", "its tests are 1 to 3"),
        (["--store", "elsewhere"], 5, "there is no run in ", "start one with `flakeproof run TARGET`"),
    ],
)
def test_what_is_not_there(flakeproof: Flakeproof, words: list[str], code: int, message: str, remedy: str) -> None:
    """Is named, with what is near."""
    flakeproof("run", "targets:fails", "-c", "3")

    ended = flakeproof("show", *words)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert message in ended.stderr
    assert remedy in ended.stderr


@pytest.mark.long
def test_a_pass_over_several_tests_is_called_one(flakeproof: Flakeproof, project: Path) -> None:
    """In the run, in what is shown of it, and when it is replayed; skips and shares of failures are told, too."""
    (project / "test_two.py").write_text("def test_a(): assert 0\ndef test_b(): assert 0\ndef test_c(): pass\n")
    ended = flakeproof("run", "test_two.py", "-c", "3", "-w", "1", "--json", "run.json")

    assert "FAILURE #1 on pass 1: test_two.py::test_a: " in ended.stdout
    assert "Total passes: 3 (of 3 tests)\n" in ended.stdout
    assert ended.stdout.endswith("in 3 out of 3 passes\n")
    assert "on test " not in ended.stdout
    document = json.loads((project / "run.json").read_text())
    assert [count for one in document["signatures"] for count in one["items"].values()] == [3, 3]
    shown = flakeproof("show", "latest", "2").stdout
    assert "on pass 2: test_two.py::test_a: " in shown
    assert "on pass 2: test_two.py::test_b: " in shown
    assert flakeproof("replay", "latest", "2").stdout.endswith("Pass 2 failed again, in the same way\n")
