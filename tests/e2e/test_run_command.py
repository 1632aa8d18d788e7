"""`flakeproof run -- COMMAND`, as a user types it."""

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Flakeproof

FLAKY = (
    "echo starting up; [ $FLAKEPROOF_TRIAL -lt 4 ] || { "
    "echo '--- FAIL: TestDial (0.01s)'; echo '    dial_test.go:57: write: bad file descriptor'; exit 1; }"
)


def test_a_command_that_passes(flakeproof: Flakeproof) -> None:
    """Exit status 0, and the words of the command in the first line."""
    done = flakeproof("run", "-c", "20", "-w", "4", "--", "sh", "-c", "exit 0")
    assert done.returncode == 0, done.stderr
    assert "All 20 tests passed!" in done.stdout
    assert done.stderr.startswith("sh -c 'exit 0': 20 tests, 4 at once in ")


def test_a_command_that_fails(flakeproof: Flakeproof) -> None:
    """The failure is shown, not the banner; it can be replayed."""
    done = flakeproof("run", "-c", "5", "-w", "1", "--", "sh", "-c", FLAKY)
    assert done.returncode == 1
    assert "FAILURE #1 on test 4: TestDial: write: bad file descriptor" in done.stdout
    assert (
        "2 × TestDial: write: bad file descriptor\n      at dial_test.go:57\n"
        "      --- FAIL: TestDial (0.01s)\n          dial_test.go:57: write: bad file descriptor\n"
    ) in done.stdout
    assert "starting up" not in done.stdout
    again = flakeproof("replay", "latest", "4")
    assert again.returncode == 1
    assert "starting up" in again.stdout
    assert "Test 4 failed again, in the same way" in again.stdout


def test_the_summary_as_json(flakeproof: Flakeproof) -> None:
    """Exit status and preview are in it."""
    done = flakeproof("run", "-c", "4", "--json", "-", "--skip-code", "77", "--", "sh", "-c", "exit 77")
    assert json.loads(done.stdout)["outcomes"] == {"skipped": 4}
    assert done.returncode == 5


def test_shell_and_environment(flakeproof: Flakeproof) -> None:
    """One line for the shell, with a variable of its own."""
    line = 'test "$WORD" = "two words" | cat && false'
    done = flakeproof("run", "-c", "2", "--shell", "--env", "WORD=two words", "--", line)
    assert done.returncode == 1
    assert line in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["run"], 2, "there is no target"),
        (["run", "--"], 2, "nothing follows --"),
        (["run", "targets:passes", "--", "true"], 2, "both a target ('targets:passes') and a command"),
        (["run", "--", "no-such-program"], 3, "cannot run 'no-such-program': there is no such program"),
        (["run", "--cwd", "nowhere", "--", "true"], 2, "nowhere: no such folder"),
        (["run", "--env", "WORD", "--", "true"], 2, "--env WORD: the environment has no such variable"),
        (["run", "--env", "=x", "--", "true"], 2, "--env '=x' is not NAME=VALUE"),
        (["run", "--failure", "(", "--", "true"], 2, "--failure: '(' is not a regular expression"),
        (["run", "--shell", "targets:passes"], 2, "--shell is for commands"),
        (["run", "--skip-code", "3", "targets:passes"], 2, "--skip-code is for commands"),
        (["run", "--isolation", "fork", "--", "true"], 2, "a command is always started anew"),
        (["run", "--shuffle", "targets:passes"], 2, "--shuffle is for tests of pytest"),
        (["run", "-k", "some", "targets:passes"], 2, "-k is for tests of pytest"),
        (["run", "-m", "slow", "--", "true"], 2, "-m is for tests of pytest"),
        (["run", "--loop", "a:b", "targets.py"], 2, "--loop is for Python functions"),
        (["run", "--set", "io=threads", "--", "true"], 2, "--set is for scenarios"),
    ],
)
def test_what_does_not_fit(
    arguments: list[str], code: int, message: str, flakeproof: Flakeproof, project: Path
) -> None:
    """A clear message, the documented exit code, and nothing left behind."""
    done = flakeproof(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert message in done.stderr
    assert not (project / ".flakeproof").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "sh", "check.sh"], "did you mean `flakeproof run -- sh check.sh`?"),
        (["run", "-c", "3", "sh", "check.sh"], "did you mean `flakeproof run -c 3 -- sh check.sh`?"),
        (["run", "-c", "3", "sh", "-xyz"], "did you mean `flakeproof run -c 3 -- sh -xyz`?"),
        (["gate", "--max-rate", "1%", "sh"], "did you mean `flakeproof gate --max-rate 1% -- sh`?"),
        (["run", "./check.sh"], "did you mean `flakeproof run -- ./check.sh`?"),
        (["run", "not-installed", "test"], "if it is a command: `flakeproof run -- not-installed test`"),
    ],
)
def test_forgotten_dashes(arguments: list[str], told: str, flakeproof: Flakeproof, project: Path) -> None:
    """What is meant is typed out, with the options that came before it; 2 as for any wrong usage."""
    (project / "check.sh").write_text("#!/bin/sh\n")
    (project / "check.sh").chmod(0o755)
    done = flakeproof(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert not (project / ".flakeproof").exists()


def test_without_a_target_the_tests_of_the_project_run(flakeproof: Flakeproof, project: Path) -> None:
    """What its configuration of pytest names, and nothing else."""
    (project / "pytest.ini").write_text("[pytest]\ntestpaths = checks\n")
    (project / "checks").mkdir()
    (project / "checks" / "test_sum.py").write_text("def test_sum(): pass\n")
    done = flakeproof("run", "-c", "2")
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("pytest: 2 times, ")
    assert "Collected checks/test_sum.py::test_sum" in done.stderr
