"""Commands that write JUnit XML (--results): each test in it has counts, a rate and kinds of failure of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof

RUNNER = """#!/bin/sh
# Writes what became of its tests into $1: `third` fails in every third trial, `fourth` is skipped in every fourth.
n=$FLAKEPROOF_TRIAL
say() { echo "<testcase classname='shop' name='$1'>$2</testcase>"; }
{
  echo "<testsuite name='s'>"
  say passes
  if [ $((n % 3)) = 0 ]; then say third "<failure message='trial $n'>trial $n</failure>"; else say third; fi
  if [ $((n % 4)) = 0 ]; then say fourth '<skipped/>'; else say fourth; fi
  [ "$n" != 5 ] || say late
  [ "$n" != 7 ] || say retried "<flakyFailure message='only once'>only once</flakyFailure>"
  echo '</testsuite>'
} > "$1"
[ $((n % 3)) != 0 ] || [ "$2" = ignored ]
"""


@pytest.fixture
def runner(project: Path) -> str:
    """The path of a runner that takes no time."""
    path = project / "runner.sh"
    path.write_text(RUNNER)
    path.chmod(0o755)
    return "./runner.sh"


EXPECTED = {
    "passes": (0, 12, 0),
    "third": (4, 8, 0),
    "fourth": (0, 9, 3),
    "late": (0, 1, 0),
    "retried": (1, 0, 0),
}


def ran(flakeproof: Flakeproof, *words: str, code: int = 1) -> dict[str, Any]:
    """The summary of a run."""
    ended = flakeproof("run", "--seed", "1", "--json", "-", *words)
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def counts(summary: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    """How often each test failed, passed and was skipped."""
    return {
        item["item"].removeprefix("shop::"): (
            item["failed"],
            item["passed"],
            item["outcomes"].get("skipped", 0),
        )
        for item in summary["items"]
    }


def test_each_test_has_its_own_counts(flakeproof: Flakeproof, runner: str) -> None:
    """Also those that passed, were skipped, or are in some trials only; one that passed when tried again has failed."""
    words = ("-c", "12", "-w", "1", "--results", "{folder}/j.xml", "--", runner, "{folder}/j.xml")
    summary = ran(flakeproof, *words)
    assert counts(summary) == EXPECTED
    assert (summary["failed"], summary["passed"]) == (5, 7)
    assert {kind["signature"]: kind["count"] for kind in summary["signatures"]} == {
        "shop::third: trial <n>": 4,
        "shop::retried: only once": 1,
    }


@pytest.mark.long
def test_several_at_once_write_files_of_their_own(flakeproof: Flakeproof, runner: str) -> None:
    """And count alike: by {folder} in the glob, an argument, or a variable; nothing of it is left behind."""
    words = ("-c", "12", "-w", "3", "--results", "{folder}/*.xml", "--env", "REPORT={folder}/j.xml")
    summary = ran(flakeproof, *words, "--", "sh", "-c", f'{runner} "$REPORT"')
    assert counts(summary) == EXPECTED
    assert not list(Path.cwd().glob("*.xml"))


def test_what_the_file_says_has_failed_has_failed(flakeproof: Flakeproof, runner: str) -> None:
    """Whatever the exit status is: some commands are told to ignore failures."""
    words = ("-c", "6", "-w", "1", "--results", "j.xml", "--", runner, "j.xml", "ignored")
    assert counts(ran(flakeproof, *words))["third"] == (2, 4, 0)


def test_files_that_all_trials_share_are_written_by_one_at_a_time(
    flakeproof: Flakeproof, runner: str, project: Path
) -> None:
    """What was there before is none of a trial's results; to ask for several at once is an error."""
    (project / "old.xml").write_text("<testsuite><testcase name='old'><failure/></testcase></testsuite>")
    summary = ran(flakeproof, "-c", "4", "--results", "*.xml", "--", runner, "new.xml")
    assert counts(summary) == {"passes": (0, 4, 0), "third": (1, 3, 0), "fourth": (0, 3, 1)}

    ended = flakeproof("run", "-w", "2", "--results", "new.xml", "--", runner, "new.xml")
    assert ended.returncode == 2
    assert "2 tests at once would all write there" in ended.stderr
    assert "{folder}" in ended.stderr


def test_a_test_that_failed_once_counts_no_more(flakeproof: Flakeproof, runner: str) -> None:
    """--drop-failed: neither what it fails nor what it passes from then on; without results no test is known."""
    words = ("-c", "12", "-w", "1", "--drop-failed", "--results", "j.xml", "--", runner, "j.xml")
    assert counts(ran(flakeproof, *words))["third"] == (1, 2, 0)

    ended = flakeproof("run", "--drop-failed", "--", "true")
    assert ended.returncode == 2
    assert "--results FILE" in ended.stderr


def test_a_gate_asks_about_each_test(flakeproof: Flakeproof, runner: str) -> None:
    """The one that fails too often is named."""
    words = ("-c", "400", "-w", "1", "--max-rate", "5%", "--results", "j.xml", "--", runner, "j.xml")
    ended = flakeproof("gate", *words)
    assert ended.returncode == 1, ended.stderr
    assert "shop::third" in ended.stdout.splitlines()[-2] + ended.stdout.splitlines()[-1]


def test_a_command_that_writes_none_is_told_so(flakeproof: Flakeproof, project: Path) -> None:
    """Once; the command counts as without it. What is no report is named."""
    ended = flakeproof("run", "-c", "3", "-w", "1", "--results", "none/*.xml", "--", "true")
    assert ended.returncode == 0
    assert ended.stderr.count("has written no file that fits --results none/*.xml") == 1

    (project / "w.sh").write_text("echo '<html>' > o.xml\n")
    ended = flakeproof("run", "-c", "3", "-w", "1", "--results", "o.xml", "--", "sh", "w.sh")
    assert "none of them is JUnit XML: o.xml" in ended.stderr


def test_a_command_that_dies_before_its_report(flakeproof: Flakeproof, project: Path) -> None:
    """Fails as a command; of its tests nothing is known in that trial."""
    (project / "w.sh").write_text(
        '[ "$FLAKEPROOF_TRIAL" != 2 ] || { echo no compiler; exit 3; }\n'
        "echo \"<testsuite><testcase name='a'/></testsuite>\" > o.xml\n"
    )
    summary = ran(flakeproof, "-c", "4", "-w", "1", "--results", "o.xml", "--", "sh", "w.sh")
    assert counts(summary) == {"a": (0, 3, 0)}
    assert (summary["failed"], summary["signatures"][0]["signature"]) == (1, "exit status 3 no compiler")


def test_arms_are_compared_by_what_their_tests_say(flakeproof: Flakeproof, runner: str) -> None:
    """`compare` reads the files of both."""
    arms = [f"{name}:-w 1 --results j.xml -- {runner} j.xml {how}" for name, how in (("base", ""), ("fix", "ignored"))]
    ended = flakeproof("compare", "-c", "12", "--arm", arms[0], "--arm", arms[1], "--json", "-")
    assert ended.returncode == 4, ended.stderr
    summary = json.loads(ended.stdout)
    assert (summary["base"]["failed"], summary["fix"]["failed"]) == (2, 2)
