"""What a run prints, and where."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_BLOCK = re.compile(
    r"""
=== Stress Test Results ===
Total tests: 40
Passed: 39 \(97\.50%\)
Failed: 1 \(2\.50%\)
Duration: \d+\.\ds
Rate: \d+ tests/second
Failure rate: 2\.50% \(95% interval 0\.063% to 13\.16%\)

1 distinct failure:
  1 × ValueError: seventeen
      at targets\.py:\d+ in fails_at_17
          raise ValueError\("seventeen"\)
      it printed:
          seen before the end
      first on test 17 \(seed \d+\)
      again: .* replay [0-9a-f-]+ 17

Stress test detected 1 failure out of 40 runs \(2\.50% failure rate\)
"""
)


def test_failures_and_results_go_to_stdout_the_rest_to_stderr(flakeproof: Flakeproof) -> None:
    """Each line has the form of the original kit, and the rate comes with its interval."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", "--seed", "7")

    first, block = ended.stdout.split("\n\n=== ", 1)
    assert first.splitlines() == ["FAILURE #1 on test 17: ValueError: seventeen"]
    assert _BLOCK.fullmatch("\n=== " + block), block
    announced, where = ended.stderr.splitlines()
    assert announced.startswith("targets:fails_at_17: 40 tests, ")
    assert ", seed 7, Python " in announced
    assert where.startswith("Output and events of this run are in .flakeproof/runs/")


def test_twenty_clean_passes_have_one_bound(flakeproof: Flakeproof) -> None:
    """As few lines as it takes to say what happened; how it was computed is for those who ask."""
    clean = flakeproof("run", "targets:passes", "-c", "20", "-w", "1")

    block = clean.stdout.split("=== Stress Test Results ===\n")[1].splitlines()
    assert block[5:] == [
        "Failure rate: at most 13.92% (95% confidence)",
        "Not varied: what a process fixes once (hash seed, imports, addresses), in 1 process",
        "",
        "All 20 tests passed!",
    ]


def test_one_line_for_each_kind_of_failure_and_its_traceback_once(flakeproof: Flakeproof) -> None:
    """A hundred failures alike do not print a hundred lines; with --verbose they do, with the methods."""
    usual = flakeproof("run", "targets:fails", "-c", "100", "-w", "1")
    verbose = flakeproof("run", "targets:fails", "-c", "100", "-w", "1", "-v")

    assert usual.stdout.count("FAILURE #") == usual.stdout.count('raise RuntimeError("no")') == 1
    assert verbose.stdout.count("FAILURE #") == 100
    assert "Clopper-Pearson" not in usual.stdout
    assert "Clopper-Pearson" in verbose.stdout


def test_quiet_prints_the_verdict_alone(flakeproof: Flakeproof, project: Path) -> None:
    """Nothing else on either stream, while the record and the reports have everything."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", "-q", "--json", "run.json")

    assert ended.stdout == "Stress test detected 1 failure out of 40 runs (2.50% failure rate)\n"
    assert ended.stderr == ""
    assert "=== Stress Test Results ===" in (project / ".flakeproof" / "latest" / "output.log").read_text()
    assert json.loads((project / "run.json").read_text())["failed"] == 1
    both = flakeproof("run", "targets:passes", "-q", "-v")
    assert (both.returncode, "contradict" in both.stderr) == (2, True)


def test_success_tells_how_many_failures_were_to_be_expected(flakeproof: Flakeproof) -> None:
    """The closing line counts them from the rate in CI, and zero failures come with a bound."""
    ended = flakeproof("run", "targets:passes", "-c", "10000", "--ci-rate", "2%")

    lines = ended.stdout.splitlines()
    assert lines[-1] == "All 10000 tests passed! (Expected ~200 failures based on CI rate)"
    assert "Passed: 10000 (100.00%)" in lines
    assert "Failed: 0 (0.00%)" in lines
    assert "Failure rate: at most 0.030% (95% confidence)" in lines


@pytest.mark.long
def test_a_rate_is_never_rounded_to_nothing_or_all(flakeproof: Flakeproof) -> None:
    """One failure among many is neither 0 % nor are the others 100 %."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "100000")

    assert "Passed: 99999 (99.999%)" in ended.stdout
    assert "Failed: 1 (0.001%)" in ended.stdout
    assert ended.stdout.endswith("Stress test detected 1 failure out of 100000 runs (0.001% failure rate)\n")


def test_the_output_is_kept_as_it_was_printed(flakeproof: Flakeproof, project: Path) -> None:
    """output.log holds stdout and stderr, in order."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40")

    kept = (project / ".flakeproof" / "latest" / "output.log").read_text().splitlines()
    printed = ended.stdout.splitlines() + ended.stderr.splitlines()
    assert sorted(printed) == sorted(kept)
    assert ended.stdout.splitlines() == [line for line in kept if line not in ended.stderr.splitlines()]


def test_json_on_stdout_is_one_document_and_nothing_else(flakeproof: Flakeproof) -> None:
    """Everything for people is on stderr then."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", "--json", "-")

    document = json.loads(ended.stdout)
    assert (document["schema_version"], document["failed"], document["exit_code"]) == (1, 1, ended.returncode)
    assert "=== Stress Test Results ===" in ended.stderr


def test_json_goes_into_a_file_whose_folders_are_made(flakeproof: Flakeproof, project: Path) -> None:
    """The document is the same as on stdout."""
    ended = flakeproof("run", "targets:passes", "-c", "40", "--json", "some/deep/run.json")

    document = json.loads((project / "some" / "deep" / "run.json").read_text())
    assert (document["verdict"], document["total"], ended.returncode) == ("stable", 40, 0)


def test_a_json_report_that_cannot_be_written_is_no_success(flakeproof: Flakeproof) -> None:
    """All passed, but what was asked for is not there."""
    ended = flakeproof("run", "targets:passes", "-c", "40", "--json", "/dev/full")

    assert ended.returncode == 3
    assert "the JSON report was not written: No space left on device" in ended.stderr
    assert "All 40 tests passed!" in ended.stdout


def test_text_that_is_no_text_ends_no_run(flakeproof: Flakeproof) -> None:
    """A message with half a character is shown with an escape, also where only ASCII can be written."""
    for encoding in ("utf-8", "ascii"):
        ended = flakeproof("run", "targets:not_text", "-c", "2", env={"PYTHONIOENCODING": encoding})
        assert ended.returncode == 1, ended.stderr
        assert "detected 2 failures" in ended.stdout


def test_a_hang_shows_where_it_stands_once_and_without_our_frames(flakeproof: Flakeproof) -> None:
    """The stacks are the user's."""
    ended = flakeproof("run", "targets:waits", "-c", "1", "--timeout", "100ms", "--grace", "100ms")

    assert ended.returncode == 1
    assert "Of the failed: 1 timed out" in ended.stdout
    assert "in waits" in ended.stdout
    assert "flakeproof_worker" not in ended.stdout


@pytest.mark.long
@pytest.mark.parametrize("redirection", ["| head -n 1", ">&-", ">&- 2>&-"])
def test_a_reader_that_leaves_changes_no_verdict(project: Path, environment: dict[str, str], redirection: str) -> None:
    """A closed pipe or a stream that is closed from the start neither ends the run nor its exit code."""
    import sys

    command = f'"{sys.executable}" -m flakeproof run targets:fails -c 3000 {redirection}; exit ${{PIPESTATUS[0]}}'
    ended = subprocess.run(
        ["bash", "-c", command], cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.long
def test_colours_are_for_those_who_ask_for_them(flakeproof: Flakeproof) -> None:
    """None in a pipe, some with FORCE_COLOR, none with NO_COLOR whatever else is said; never in output.log."""
    plain = flakeproof("run", "targets:fails", "-c", "1", "--seed", "1")
    forced = flakeproof("run", "targets:fails", "-c", "1", "--seed", "1", env={"FORCE_COLOR": "1"})
    refused = flakeproof("run", "targets:fails", "-c", "1", env={"FORCE_COLOR": "1", "NO_COLOR": "1"})

    assert "\x1b" not in plain.stdout + plain.stderr
    assert "\x1b[31mFAILURE #1 on test 1: RuntimeError: no\x1b[0m\n" in forced.stdout
    assert "\x1b" not in refused.stdout + refused.stderr


@pytest.mark.long
def test_settings_follow_their_order_of_precedence(flakeproof: Flakeproof, project: Path) -> None:
    """The command line beats the environment, which beats pyproject.toml."""
    (project / "pyproject.toml").write_text("[tool.flakeproof]\ncount = 3\nworkers = 1\n")

    assert "Total tests: 3\n" in flakeproof("run", "targets:passes").stdout
    assert "Total tests: 4\n" in flakeproof("run", "targets:passes", env={"FLAKEPROOF_COUNT": "4"}).stdout
    assert "Total tests: 5\n" in flakeproof("run", "targets:passes", "-c5", env={"FLAKEPROOF_COUNT": "4"}).stdout
