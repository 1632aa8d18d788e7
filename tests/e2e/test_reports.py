"""Reports for machines and pull requests, as files, however the run ends."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import parse

import pytest

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_ALL = ("--junit-xml", "out/a/junit.xml", "--json", "out/b/run.json", "--markdown", "out/run.md")


def test_all_reports_tell_the_same(flakeproof: Flakeproof, project: Path) -> None:
    """In folders that are made for them."""
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", *_ALL)

    case = parse(project / "out/a/junit.xml").getroot()[0].find("testcase")
    document = json.loads((project / "out/b/run.json").read_bytes())
    text = (project / "out/run.md").read_text()
    assert ended.returncode == document["exit_code"] == 1
    assert case is not None
    assert [child.tag for child in case] == ["failure", "flakyFailure"]
    assert "raise ValueError(" in (case.findtext("flakyFailure/stackTrace") or "")
    assert f"again: flakeproof replay {document['run_id']} 17\n" in (case[0].text or "")
    assert "| `targets:fails_at_17` | flaky | 1 | 40 | 2.50% (95% interval 0.063% to 13.16%) |" in text
    assert f"flakeproof replay {document['run_id']} 17" in text


def test_each_test_of_pytest_has_its_own_case(flakeproof: Flakeproof, project: Path) -> None:
    """In every report, with what it failed of, and the line of the user's that failed."""
    (project / "tests").mkdir()
    (project / "tests" / "test_shop.py").write_text(
        "import pytest\n"
        "from flakeproof import current_trial\n"
        "class TestBill:\n"
        "    @pytest.mark.parametrize('kind', ['a|b', 'c`d'])\n"
        "    def test_total(self, kind):\n"
        "        if current_trial().number == 3 and '|' in kind: raise ValueError('three\\0')\n"
        "def test_fixed(): assert 1 == 2\n"
        "@pytest.mark.skip(reason='not here')\n"
        "def test_skipped(): pass\n"
    )
    words = ("run", "tests", "-c", "6", "-w", "1", "--isolation", "shared")
    ended = flakeproof(*words, *_ALL, env={"GITHUB_ACTIONS": "true"})

    cases = list(parse(project / "out/a/junit.xml").getroot()[0].iter("testcase"))
    assert [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in cases] == [
        ("tests.test_shop.TestBill", "test_total[a|b]", ["failure", "flakyFailure"]),
        ("tests.test_shop.TestBill", "test_total[c`d]", ["system-out"]),
        ("tests.test_shop", "test_fixed", ["failure"]),
        ("tests.test_shop", "test_skipped", ["skipped"]),
    ]
    text = (project / "out/run.md").read_text()
    assert "| `tests/test_shop.py::test_fixed` | broken | 6 | 6 | at least " in text
    name = "tests/test&#95;shop&#46;py&#58;&#58;TestBill&#58;&#58;test&#95;total&#91;a&#124;b&#93;"
    assert f"| <code>{name}</code> | flaky | 1 | 6 |" in text
    found = [line for line in ended.stdout.splitlines() if line.startswith("::error ")]
    assert [line.split("::")[1] for line in found] == [
        "error file=tests/test_shop.py,line=7,title=tests/test_shop.py%3A%3Atest_fixed is broken",
        "error file=tests/test_shop.py,line=6,title=tests/test_shop.py%3A%3ATestBill%3A%3Atest_total[a|b] is flaky",
    ]
    assert ended.returncode == 1


@pytest.mark.parametrize(("target", "code"), [("targets:interrupts", 130), ("targets:terminates", 143)])
def test_all_reports_are_written_when_the_run_is_ended(
    flakeproof: Flakeproof, project: Path, target: str, code: int
) -> None:
    """By SIGINT and by SIGTERM; they say so."""
    ended = flakeproof("run", target, "-c", "40", "-w", "1", "--grace", "100ms", *_ALL)

    suite = parse(project / "out/a/junit.xml").getroot()[0]
    document = json.loads((project / "out/b/run.json").read_bytes())
    assert ended.returncode == document["exit_code"] == code
    assert {each.get("name"): each.get("value") for each in suite[0]}["flakeproof.stopped"] == document["stopped"]
    assert f"Not complete: {document['stopped']}, after 2 of 40 tests." in (project / "out/run.md").read_text()


def test_a_second_signal_costs_no_report(project: Path, environment: dict[str, str]) -> None:
    """It comes while a report waits for its reader, and the report is written nevertheless."""
    pipe = project / "report"
    os.mkfifo(pipe)
    options = ["-c", "40", "-w", "1", "--grace", "100ms", "--json", "report"]
    with subprocess.Popen(
        [sys.executable, "-m", "flakeproof", "run", "targets:interrupts", *options],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert pipe.read_text() == ""  # it was found to be writable
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("Output and events"):
                break
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        # Opened without waiting: should the process have gone, this is to fail and not to wait for a writer.
        with open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)) as reader:  # noqa: PTH123 - it is a descriptor
            select.select([reader], [], [], 30)
            os.set_blocking(reader.fileno(), True)
            document = json.loads(reader.read())

    assert (process.returncode, document["exit_code"], document["stopped"]) == (130, 130, "interrupted")


def test_output_with_control_characters_makes_valid_reports(flakeproof: Flakeproof, project: Path) -> None:
    """Of a command, whose output is anything."""
    script = r"printf 'a\000b\033[31mred\033[0m \377 \302\205 ]]> </details>\n```\n'; exit 3"
    ended = flakeproof("run", "-c", "2", *_ALL, "--", "sh", "-c", script)

    assert ended.returncode == 1
    case = parse(project / "out/a/junit.xml").getroot()[0].find("testcase")
    assert case is not None
    assert "a\\x00bred" in (case.findtext("system-out") or "")
    assert "a\\x00bred" in (project / "out/run.md").read_text()


@pytest.mark.parametrize("option", ["--junit-xml", "--json", "--markdown"])
def test_each_report_can_go_to_stdout_alone(flakeproof: Flakeproof, option: str) -> None:
    """Everything for people is on stderr then, what is for GitHub too."""
    environment = {"GITHUB_ACTIONS": "true"}
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", option, "-", env=environment)

    assert ended.stdout.lstrip().startswith(("<?xml", "{", "### flakeproof"))
    assert "::error" not in ended.stdout
    assert "::error file=targets.py,line=" in ended.stderr
    assert "=== Stress Test Results ===" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--junit-xml", "/proc/none/x"], "--junit-xml /proc/none/x: "),
        (["--markdown", "."], "--markdown .: Is a directory"),
        (["--markdown", ""], "--markdown: it is empty"),
        (["--json", "-", "--markdown", "-"], "--json and --markdown are both to be written to stdout"),
        (["--json", "x", "--markdown", "./x"], "--json and --markdown are both to be written to ./x"),
    ],
)
def test_a_report_that_cannot_be_written_is_found_before_the_run(
    flakeproof: Flakeproof, project: Path, arguments: list[str], message: str
) -> None:
    """Nothing has run then, and nothing is left, also of the reports that could be written."""
    before = sorted(project.iterdir())
    first = ["--junit-xml", "new/deep/j.xml"] if "--junit-xml" not in arguments else ["--json", "new/deep/j.json"]

    ended = flakeproof("run", "targets:passes", "-c", "3", *(first if "--json" not in arguments else []), *arguments)

    assert ended.returncode == 2, ended.stderr
    assert message in ended.stderr
    assert ended.stdout == ""
    assert before == sorted(project.iterdir())


def test_one_report_that_cannot_be_written_keeps_no_other(flakeproof: Flakeproof, project: Path) -> None:
    """It is told, and a success without it is none; a failure stays what it is."""
    good = flakeproof("run", "targets:passes", "-c", "3", "--junit-xml", "/dev/full", "--json", "good.json")
    bad = flakeproof("run", "targets:fails", "-c", "3", "--markdown", "/dev/full", "--json", "bad.json")

    assert (good.returncode, bad.returncode) == (3, 1)
    assert "warning: the JUnit report was not written: No space left on device" in good.stderr
    assert "warning: the Markdown report was not written: No space left on device" in bad.stderr
    assert json.loads((project / "good.json").read_bytes())["passed"] == 3
    assert json.loads((project / "bad.json").read_bytes())["failed"] == 3


@pytest.mark.long
def test_reports_can_be_settings_of_the_project(flakeproof: Flakeproof, project: Path) -> None:
    """They lie beside pyproject.toml wherever one is; a replay leaves them as they are."""
    (project / "pyproject.toml").write_text('[tool.flakeproof]\njunit-xml = "out/junit.xml"\njson = "-"\n')
    (project / "inner").mkdir()
    (project / "inner" / "more.py").write_text("def fails(): raise ValueError('no')\n")

    ended = flakeproof("run", "more:fails", "-c", "3", cwd=project / "inner")
    report = (project / "out" / "junit.xml").read_bytes()
    again = flakeproof("replay", "latest", "2", cwd=project / "inner")
    asked = flakeproof("replay", "latest", "2", "--markdown", "-", cwd=project / "inner")

    assert json.loads(ended.stdout)["failed"] == 3
    assert b"failed 3 of 3 times" in report
    assert report == (project / "out" / "junit.xml").read_bytes()
    assert "Test 2 failed again" in again.stdout
    assert asked.stdout.startswith("### flakeproof: `more:fails` is broken")


def test_github_is_told(flakeproof: Flakeproof, project: Path, tmp_path: Path) -> None:
    """Annotations in the log, the Markdown in the summary of the job, without any option."""
    job = tmp_path / "summary.md"
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(job), "GITHUB_WORKSPACE": str(project)}

    flakeproof("run", "targets:passes", "-c", "3", env=environment)
    ended = flakeproof("run", "targets:fails_at_17", "-c", "40", "--markdown", "run.md", env=environment)

    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("::error")]
    assert line.startswith("::error file=targets.py,line=")
    assert ",title=targets%3Afails_at_17 is flaky::ValueError: seventeen%0A1 of 40 times it failed like this; " in line
    assert job.read_text().startswith("### flakeproof: `targets:passes` is stable\n")
    assert job.read_text().endswith("\n" + (project / "run.md").read_text() + "\n")


@pytest.mark.long
def test_what_raised_nothing_is_marked_in_its_file(flakeproof: Flakeproof, project: Path) -> None:
    """A strict xfail that passes, of pytest and of unittest: the annotation is at the test."""
    (project / "test_known.py").write_text(
        "import unittest, pytest\n\n"
        "@pytest.mark.xfail(strict=True, reason='known')\n"
        "def test_strict(): pass\n\n"
        "class TestKnown(unittest.TestCase):\n"
        "    @unittest.expectedFailure\n"
        "    def test_expected(self): pass\n"
    )
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(project)}
    ended = flakeproof("run", "test_known.py", "-c", "2", env=environment)
    assert "::error file=test_known.py,line=3,title=test_known.py%3A%3Atest_strict is broken::" in ended.stdout
    assert "::error file=test_known.py,line=7,title=test_known.py%3A%3ATestKnown%3A%3Atest_expected" in ended.stdout


def test_a_job_summary_that_cannot_be_written_changes_no_verdict(flakeproof: Flakeproof) -> None:
    """Nobody has asked for it; it is a warning."""
    environment = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": "/dev/full"}
    ended = flakeproof("run", "targets:passes", "-c", "3", env=environment)

    assert ended.returncode == 0
    assert "warning: the job summary was not written: No space left on device" in ended.stderr
