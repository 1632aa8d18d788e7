"""`flakeproof gate` and `--until-confident`, as a user runs them."""

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof


def test_below(flakeproof: Flakeproof) -> None:
    """A target that never fails is known to be below after the tests that it takes, and no more than a batch beyond."""
    done = flakeproof("gate", "targets:naps", "--max-rate", "2%", "--json", "-", "-v")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    finding = summary["finding"]
    assert (finding["answer"], summary["failed"]) == ("below", 0)
    assert 189 <= summary["total"] <= 500
    assert finding["below"] >= 20
    assert "The failure rate is below 2% (evidence " in done.stderr
    assert "20 to 1 is wanted for an error of 5%" in done.stderr


def test_failures_below_the_rate_are_tolerated(flakeproof: Flakeproof) -> None:
    """That is what a rate is allowed for."""
    # One process and this seed: the first test fails, and the evidence never comes near the other answer.
    done = flakeproof("gate", "targets:flaky", "--max-rate", "30%", "-w", "1", "--seed", "1")
    assert done.returncode == 0, done.stdout
    assert "FAILURE #1" in done.stdout
    assert "is below 30%" in done.stdout


def test_above(flakeproof: Flakeproof) -> None:
    """A target that fails too often is known to after a few tests."""
    done = flakeproof("gate", "targets:flaky", "--max-rate", "1%", "--confidence", "99%")
    assert done.returncode == 1
    assert "is above 1% (99% confidence)" in done.stdout


def test_not_decided(flakeproof: Flakeproof) -> None:
    """The budget is over before it is known: what is still needed is told, with an exit code of its own."""
    done = flakeproof("gate", "targets:passes", "--max-rate", "0.1%", "-c", "100")
    assert done.returncode == 4
    assert "Not decided whether the failure rate is below 0.1%" in done.stdout
    assert "more tests would tell" in done.stdout
    assert "Failure rate: at most " in done.stdout


@pytest.mark.long
def test_a_budget_that_cannot_answer_is_told_before_the_run(flakeproof: Flakeproof) -> None:
    """With the number of tests that can; with that many the answer is there, as one number."""
    few = flakeproof("gate", "targets:passes", "--max-rate", "1%", "-c", "50", "-w", "1")
    announced, doubt, *_ = few.stderr.splitlines()
    assert "at most 50 tests" in announced
    assert doubt == (
        "50 tests cannot show a failure rate below 1%, even if all pass: 377 passing tests are needed; -c 377"
    )
    assert few.returncode == 4
    for question in (("gate", "--max-rate", "1%"), ("run", "--until-confident", "--rate", "1%")):
        enough = flakeproof(*question, "targets:passes", "-c", "377", "-w", "1")
        assert enough.returncode == 0, enough.stderr
        assert "cannot show" not in enough.stderr
        assert "at most" not in enough.stdout
        assert enough.stdout.endswith("\nThe failure rate is below 1% (95% confidence)\n")


def test_each_of_several_tests_counts(flakeproof: Flakeproof, project_with_tests: None) -> None:
    """One that fails too often is named, however many others do not."""
    done = flakeproof("gate", "test_several.py", "--max-rate", "5%", "--isolation", "shared")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "The failure rate of test_several.py::test_flaky is above 5%" in done.stdout


@pytest.fixture
def project_with_tests(project: object) -> None:
    """A suite in which one of three tests is flaky."""
    from pathlib import Path

    assert isinstance(project, Path)
    (project / "test_several.py").write_text(
        "import os\n"
        "def test_first(): pass\n"
        "def test_flaky(): assert int(os.environ['FLAKEPROOF_TRIAL']) % 4\n"
        "def test_last(): pass\n"
    )


@pytest.mark.long
def test_what_each_process_fixes_is_no_matter_of_forks(flakeproof: Flakeproof, project: Path) -> None:
    """Every process fails, or none of its tests does: a gate that has seen hundreds pass still asks for processes."""
    (project / "test_import.py").write_text(
        "import secrets\nDRAWN = secrets.randbelow(4)\ndef test_it(): assert DRAWN\n"
    )
    done = flakeproof("gate", "test_import.py", "--max-rate", "10%", "--json", "-")
    assert done.returncode in (1, 4), done.stderr
    (project / "test_import.py").write_text("def test_it(): pass\n")
    short = flakeproof("gate", "test_import.py", "--max-rate", "10%", "-c", "36", "-w", "2")
    assert short.returncode == 4
    assert "what a process fixes once (hash seed, imports, addresses) differed in only" in short.stdout
    loose = flakeproof("gate", "test_import.py", "--max-rate", "10%", "--process-rate", "50%")
    assert loose.returncode == 0, loose.stdout
    assert "is below 10% from test to test, and below 50% for what a process fixes once (hash seed, " in loose.stdout


@pytest.mark.long
def test_until_confident(flakeproof: Flakeproof) -> None:
    """An ordinary run ends as soon as it knows; failures stay failures."""
    done = flakeproof("run", "tcprtt", "--until-confident", "--rate", "2%", "--error", "1e-4")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is below 2%" in done.stdout
    again = flakeproof("run", "targets:flaky", "--until-confident", "--rate", "50%", "-w", "1", "--seed", "1")
    assert again.returncode == 1
    assert "is below 50%" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate", "targets:passes"], "a gate has to know the rate that is allowed"),
        (["gate", "targets:passes", "--max-rate", "2"], "if 2 percent is meant, write 2%"),
        (
            ["gate", "targets:passes", "--max-rate", "1%", "--process-rate", "5%"],
            "--process-rate is for tests that are",
        ),
        (["run", "targets:passes", "--process-rate", "2%"], "--process-rate is for --until-confident"),
        (["gate", "targets:passes", "--max-rate", "0"], "--max-rate: '0' is not between 0 and 1"),
        (["gate", "targets:passes", "--max-rate", "1%", "--confidence", "1"], "--confidence: '1' is not between"),
        (["run", "targets:passes", "--until-confident"], "--until-confident needs a failure rate to test against"),
        (["run", "targets:passes", "--rate", "2%"], "--rate is for --until-confident"),
        (["run", "targets:passes", "--error", "2%"], "--error is for --until-confident"),
    ],
)
def test_wrong_use(flakeproof: Flakeproof, arguments: list[str], message: str) -> None:
    """It is named with what to do."""
    done = flakeproof(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
