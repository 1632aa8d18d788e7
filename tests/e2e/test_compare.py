"""`flakeproof compare`, as a user runs it."""

import json
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof

TARGETS = """
import os, time
from pathlib import Path

def seeded(share):
    if int(os.environ["FLAKEPROOF_SEED"]) % 1000 < 1000 * share:
        raise ValueError("bad luck")

def often(): seeded(0.2)
def seldom(): seeded(0.02)
def also_often(): seeded(0.2)
def never(): pass
def always(): raise ValueError("broken")
def always_too(): raise ValueError("broken")
def skips():
    import unittest
    raise unittest.SkipTest("not here")
def dies(): os._exit(3)
def crashes(): os._exit(3) if int(os.environ["FLAKEPROOF_SEED"]) % 5 == 0 else None

def another(calls=2):
    # Deep enough that the failure is the same one whoever called.
    if calls:
        another(calls - 1)
    elif int(os.environ["FLAKEPROOF_SEED"]) % 7 == 1:
        raise KeyError("another bug")

def two_bugs():
    seeded(0.2)
    another()

def one_bug():
    another()

def leaves_a_mark():
    # What an arm leaves behind in its process must not reach the other arm.
    import sys
    assert not hasattr(sys, "mark_of_the_other"), "the arms share a process"
    sys.mark = True

def looks_for_the_mark():
    import sys
    assert not hasattr(sys, "mark"), "the arms share a process"
    sys.mark_of_the_other = True

def naps():
    time.sleep(0.01)

def naps_too():
    time.sleep(0.01)
"""


@pytest.fixture(autouse=True)
def arms(project: Path) -> None:
    """Targets that fail as often as their names say; by the seed, so that a run with a seed is always the same."""
    (project / "arms.py").write_text(TARGETS)


def both(base: str, fix: str) -> list[str]:
    """The words for two functions of that module."""
    return ["--arm", f"base:arms:{base}", "--arm", f"fix:arms:{fix}", "-w", "1", "--seed", "5"]


def test_fixed(flakeproof: Flakeproof, project: Path) -> None:
    """The verdict, the counts and both reports."""
    done = flakeproof("compare", *both("often", "never"), "--json", "out.json", "--markdown", "out.md")
    assert done.returncode == 0, done.stdout + done.stderr
    bound = r"so at most [0-9.]+% \(error at most 1%\)"
    assert re.search(rf"^Fixed: base failed in 8 of \d+ tests, fix failed in 0 of \d+, {bound}$", done.stdout, re.M)
    assert done.stdout.count("FAILURE") == 1, "the base is known to fail: one of each kind is enough"
    summary = json.loads((project / "out.json").read_text())
    assert (summary["verdict"], summary["exit_code"]) == ("fixed", 0)
    assert (summary["base_lost"], summary["fix_lost"], summary["void"]) == (8, 0, 0)
    assert summary["base"]["failed"] == 8
    assert summary["base"]["passed"] + 8 == summary["fix"]["passed"] == summary["pairs"]
    assert summary["evidence"]["effect"] == pytest.approx(100.4754538)
    assert summary["odds_ratio_high"] == pytest.approx(0.7823435647)
    assert summary["base"]["interval"]["method"] == "robbins"
    assert "Fixed: base failed in 8 of" in (project / "out.md").read_text()


@pytest.mark.long
def test_smaller_errors_need_more(flakeproof: Flakeproof) -> None:
    done = flakeproof("compare", *both("often", "never"), "--error", "1e-6", "--json", "-")
    assert json.loads(done.stdout)["base_lost"] == 22


@pytest.mark.long
def test_reduced(flakeproof: Flakeproof) -> None:
    done = flakeproof("compare", *both("often", "seldom"), "--error", "1e-6")
    assert done.returncode == 1, done.stdout
    assert "Reduced, not fixed: base failed in" in done.stdout


def test_not_fixed(flakeproof: Flakeproof) -> None:
    done = flakeproof("compare", *both("often", "also_often"))
    assert done.returncode == 1
    assert "Not fixed: base failed in" in done.stdout
    assert "no 10-fold reduction (error at most 1%)" in done.stdout


def test_broken_and_mended(flakeproof: Flakeproof) -> None:
    done = flakeproof("compare", *both("always", "never"))
    assert done.returncode == 0
    assert "base always failed: it was broken, not flaky" in done.stdout


def test_both_broken(flakeproof: Flakeproof) -> None:
    done = flakeproof("compare", *both("always", "always_too"))
    assert done.returncode == 1
    assert "always, so this is broken, not flaky" in done.stdout


@pytest.mark.long
def test_one_of_two_bugs(flakeproof: Flakeproof) -> None:
    """That the other remains does not hide it."""
    done = flakeproof("compare", *both("two_bugs", "one_bug"), "--error", "1e-4", "--json", "-")
    summary = json.loads(done.stdout)
    assert (done.returncode, summary["verdict"]) == (1, "reduced")
    verdicts = [kind["verdict"] for kind in summary["kinds"] if "bad luck" in kind["example"]["message"]]
    assert verdicts == ["fixed"]
    assert any(kind["fix"] for kind in summary["kinds"])


@pytest.mark.parametrize("fix", ["never", "skips"])
def test_a_base_that_does_not_fail(flakeproof: Flakeproof, fix: str) -> None:
    done = flakeproof("compare", *both("naps", fix), "-c", "200")
    assert done.returncode == 4
    expected = "base has not failed in" if fix == "never" else "no test has a result"
    assert expected in done.stdout
    assert "the test budget (--count) is used up" in done.stdout


def test_crashes_are_failures_of_their_arm(flakeproof: Flakeproof) -> None:
    """The process is replaced and goes on in its place."""
    done = flakeproof("compare", *both("crashes", "never"), "--json", "-")
    summary = json.loads(done.stdout)
    assert (summary["verdict"], summary["base_lost"], summary["fix"]["failed"]) == ("fixed", 8, 0)


@pytest.mark.long
def test_crashes_in_many_places_at_once(flakeproof: Flakeproof) -> None:
    """A process that has just replaced one that died is not replaced again, as though it had been of no use."""
    words = ("-w", "6", "--processes", "6", "--error", "1e-6", "--json", "-")
    summary = json.loads(flakeproof("compare", *both("dies", "never"), *words).stdout)
    assert (summary["verdict"], summary["base_lost"], summary["stopped"]) == ("fixed", 22, None)


@pytest.mark.parametrize("isolation", ["shared", "fork"])
def test_arms_never_share_a_process(flakeproof: Flakeproof, isolation: str) -> None:
    arms = both("leaves_a_mark", "looks_for_the_mark")
    done = flakeproof("compare", *arms, "-c", "100", "--isolation", isolation, "--json", "-")
    summary = json.loads(done.stdout)
    assert (summary["base"]["failed"], summary["fix"]["failed"]) == (0, 0)


@pytest.mark.long
def test_what_the_budget_did_not_decide_goes_on(flakeproof: Flakeproof) -> None:
    """The evidence adds up, and only with the same arms."""
    arms = both("often", "never")
    first = flakeproof("compare", *arms, "--error", "1e-6", "-c", "60", "--json", "-")
    assert first.returncode == 4
    before = json.loads(first.stdout)
    assert 0 < before["base_lost"] < 22
    assert f"--resume {before['run_id']}" in first.stderr
    second = flakeproof("compare", *arms, "--error", "1e-6", "--resume", before["run_id"], "--json", "-")
    after = json.loads(second.stdout)
    assert (after["verdict"], after["base_lost"]) == ("fixed", 22)
    assert after["pairs"] > before["pairs"]
    other = flakeproof("compare", *both("often", "seldom"), "--resume", before["run_id"])
    assert other.returncode == 2
    assert "that comparison differs in arms" in other.stderr
    run = flakeproof("run", "arms:never", "-c", "5")
    assert run.returncode == 0
    none = flakeproof("compare", *arms, "--resume", "latest")
    assert none.returncode == 2
    assert "has no record of a comparison" in none.stderr


def test_numbers_are_given_once(flakeproof: Flakeproof, project: Path) -> None:
    """However often it goes on, no trial and no coin comes again, and what never went on leaves no record."""
    words = ("compare", *both("often", "never"), "--error", "1e-9", "-c", "6", "--json", "-")
    numbers, name = [], ""
    for _ in range(3):
        name = json.loads(flakeproof(*words, *(("--resume", name) if name else ())).stdout)["run_id"]
        with (project / ".flakeproof" / "runs" / name / "pairs.jsonl").open() as record:
            started = json.loads(record.readline())["spec"]
        numbers.append((started["arms"][0]["spec"].get("first", 1), started.get("first_pair", 1)))
    trials, pairs = zip(*numbers, strict=True)
    assert all(later >= earlier + 1000 for earlier, later in pairwise(trials))
    assert all(later > earlier + 3 for earlier, later in pairwise(pairs))
    before = len(list((project / ".flakeproof" / "runs").iterdir()))
    (project / "arms.py").write_text("raise ImportError")
    assert flakeproof(*words, "--resume", name).returncode == 3
    assert len(list((project / ".flakeproof" / "runs").iterdir())) == before


def test_interrupted(project: Path, environment: dict[str, str]) -> None:
    """What has been seen is told and kept, and nothing is left running."""
    words = [*both("naps", "naps_too"), "--json", "out.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "compare", *words],
        cwd=project,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("Progress"):
            break
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Inconclusive (interrupted)" in output
    summary = json.loads((project / "out.json").read_text())
    assert summary["pairs"] > 0
    assert summary["stopped"] == "interrupted"
    again = reported(project, environment)
    assert again.returncode == 130
    assert "Inconclusive (interrupted)" in again.stdout
    assert json.loads((project / "again.json").read_text()) == summary


def reported(project: Path, environment: dict[str, str], *more: str) -> "subprocess.CompletedProcess[str]":
    """What `flakeproof report latest` says."""
    words = [sys.executable, "-m", "flakeproof", "report", "latest", "--json", "again.json", *more]
    return subprocess.run(words, cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_killed_comparison_is_reported_from_its_record(project: Path, environment: dict[str, str]) -> None:
    """Its evidence holds at every moment, also at that one; an arm has JUnit XML, the comparison has none."""
    words = [sys.executable, "-m", "flakeproof", "compare", *both("naps", "naps_too")]
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    with subprocess.Popen(words, cwd=project, env=environment, **pipes) as run:
        assert run.stderr is not None
        next(line for line in run.stderr if line.startswith(b"Progress"))
        run.kill()
    again = reported(project, environment, "--markdown", "again.md")
    assert again.returncode == 4
    assert "Inconclusive (killed)" in again.stdout
    assert json.loads((project / "again.json").read_text())["stopped"] == "killed"
    assert "Inconclusive (killed)" in (project / "again.md").read_text()
    refused = reported(project, environment, "--junit-xml", "again.xml")
    assert refused.returncode == 2
    assert "is a comparison, and JUnit XML has no place for its verdict" in refused.stderr


@pytest.mark.long
def test_replay_finds_an_arm(flakeproof: Flakeproof) -> None:
    """The line that is printed works; the comparison itself says what it is."""
    done = flakeproof("compare", *both("often", "never"))
    again = re.search(r"replay (\S+) (\d+)$", done.stdout, re.M)
    assert again is not None
    assert "failed again, in the same way" in flakeproof("replay", *again.groups()).stdout
    whole = flakeproof("replay", "latest", "1")
    assert whole.returncode == 2
    assert "is a comparison" in whole.stderr
    assert again[1] in whole.stderr


@pytest.mark.long
def test_the_seed_of_the_kit(flakeproof: Flakeproof) -> None:
    """The server before its fix against the one after it: a real race, told apart with an error of one in a million."""
    done = flakeproof(
        "compare", "--arm", "leaky:tcprtt --server leaky", "--arm", "fixed:tcprtt", "--error", "1e-6", "--json", "-"
    )
    summary = json.loads(done.stdout)
    assert summary["verdict"] == "fixed", summary
    assert summary["fix"]["failed"] == 0
    assert any("Bad file descriptor" in kind["example"]["message"] for kind in summary["kinds"])


@pytest.mark.long
def test_a_fix_is_confirmed_without_provocation(flakeproof: Flakeproof) -> None:
    """What holds for both arms only to provoke is left out; what an arm has for itself is what it is."""
    arms = ("--arm", "leaky:tcprtt --server leaky", "--arm", "fixed:tcprtt --settle 6ms", "--confirm", "5%")
    done = flakeproof("compare", *arms, "-w", "30", "--set", "io=asyncio", "--json", "-")
    summary = json.loads(done.stdout)
    assert (summary["verdict"], done.returncode) == ("fixed", 0), done.stderr
    assert summary["confirmation"]["finding"]["answer"] == "below"
    assert "Confirmed without provocation: 0 of " in done.stderr
    plain = next(line for line in done.stderr.splitlines() if "until it is known whether the failure rate" in line)
    assert "settle 6ms" in plain
    assert "4 at once in 2 processes" in plain


def test_a_fix_that_is_not_confirmed(flakeproof: Flakeproof) -> None:
    """The exit code is that of the run without provocation."""
    done = flakeproof("compare", *both("often", "seldom"), "--seed", "2", "--confirm", "0.1%", "--json", "-")
    summary = json.loads(done.stdout)
    assert (summary["verdict"], done.returncode, summary["exit_code"]) == ("fixed", 1, 1)
    assert "Not confirmed without provocation" in done.stderr


def test_github(flakeproof: Flakeproof, project: Path) -> None:
    """The job summary has the verdict."""
    told = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(project / "summary.md")}
    done = flakeproof("compare", *both("often", "never"), env=told)
    assert done.returncode == 0
    assert "| `base` | `arms:often` | 8 |" in (project / "summary.md").read_text()


def test_commands(flakeproof: Flakeproof) -> None:
    arms = ("--arm", "a:-- sh -c 'test $((FLAKEPROOF_SEED % 5)) != 0'", "--arm", "b:-- true")
    done = flakeproof("compare", *arms, "-w", "1", "--seed", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Fixed: a failed in 8 of" in done.stdout


@pytest.mark.parametrize(
    ("words", "message", "code"),
    [
        ([], "a comparison has two arms, and 0 were given", 2),
        (["--arm", "x", "--arm", "b:arms:never"], "--arm 'x' is not a name and a target", 2),
        (["--arm", "tests/x.py::a", "--arm", "b:arms:never"], "is not a name and a target", 2),
        (["--arm", "a:arms:never", "--arm", "a:arms:often"], "both arms are called 'a'", 2),
        (["--arm", "a:arms:never", "--arm", "b:arms:never"], "both arms are the same", 2),
        (["--arm", "a:arms:never", "--arm", "b:arms:often --count 3"], "--arm b: --count is not a matter of an arm", 2),
        (["--arm", "a:arms:never -w 2", "--arm", "b:arms:often -w 4"], "a turn must have the same length in both", 2),
        (["--arm", "a:arms:never", "--arm", "b:'arms:often"], "cannot be read: No closing quotation", 2),
        (["--arm", "a:arms:never", "--arm", "b:arms:missing"], "b: ", 2),
        (["--arm", "a:broken:f", "--arm", "b:arms:never"], "a: ", 3),
        ([*both("often", "never"), "--error", "2"], "if 2 percent is meant, write 2%", 2),
        ([*both("often", "never"), "--error", "100%"], "not between 0 and 1", 2),
        ([*both("often", "never"), "--confirm", "5"], "--confirm: '5' is more than 1", 2),
        ([*both("often", "never"), "--reduction", "0.5"], "--reduction '0.5' is not a number above 1", 2),
        ([*both("often", "never"), "--resume", "nix"], "there is no run in", 5),
    ],
)
def test_bad_input(flakeproof: Flakeproof, project: Path, words: list[str], message: str, code: int) -> None:
    done = flakeproof("compare", *words)
    assert (message in done.stderr, done.returncode) == (True, code), done.stderr
    assert not (project / ".flakeproof").exists(), "nothing is left behind"
