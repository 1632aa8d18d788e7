"""What is read of real artifacts is what the runner itself said and did."""

import json
import subprocess
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.ci_jobs.conftest import Job
from tests.tools import needed

from flakeproof.errors import UsageError
from flakeproof.features.ci.artifacts import Artifact, artifacts
from flakeproof.features.ci.case import Case, Colour
from flakeproof.features.ci.reading import cases

FAILED = {
    "tests/test_a.py::TestK::test_v": ("call", "AssertionError: left over"),
    "tests/test_a.py::test_err": ("setup", "fixture 'missing' not found"),
    "tests/test_a.py::test_td": ("teardown", "ValueError: teardown went wrong"),
    "tests/test_a.py::test_dash[y - z]": ("call", "AssertionError: assert not 'y - z'"),
    "tests/test_b.py::test_deep": ("call", "RuntimeError: deep 3"),
    "tests/test_b.py::test_long": ("call", "ValueError: " + "x" * 288),
}


def read(folder: Path, **files: str | bytes) -> list[Case]:
    """The cases in a folder with these files, `_` in their names for a dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        data = text.encode() if isinstance(text, str) else text
        (folder / name.replace("_", ".")).write_bytes(data)
    return cases(artifacts(str(folder)))


def failures(case: Case) -> dict[str, tuple[str, str]]:
    """Phase and message of each test that failed."""
    return {one.test: (one.symptom.phase, one.symptom.message) for one in case.failures}


@pytest.mark.parametrize("words", [("-v",), (), ("-q", "-ra"), ("--tb=short",), ("-rA", "-v", "-s")], ids=" ".join)
def test_a_terminal_tells_who_failed_and_how(job: Callable[..., Job], tmp_path: Path, words: tuple[str, ...]) -> None:
    """However much pytest was asked to print; in its order where it says that; each with its line."""
    made = job(*words)
    (case,) = read(tmp_path / "left", job_log=made.log)

    assert case.colour is Colour.RED
    assert failures(case) == FAILED
    assert (case.counts["failed"], case.counts["error"], case.counts["skipped"]) == (4, 2, 1)
    lines = made.log.splitlines()
    for failure in case.failures:
        file, _, number = failure.source.rpartition(":")
        assert file == "job.log"
        assert failure.symptom.message[:20] in lines[int(number) - 1]
    if "-v" in words:
        assert {one.worker: one.tests for one in case.histories} == made.truth


@pytest.mark.long
@pytest.mark.parametrize("count", ["2", "3"])
def test_the_order_and_the_split_of_workers_are_exact(job: Callable[..., Job], tmp_path: Path, count: str) -> None:
    """As each worker itself wrote it down; a test that failed is in the worker in which it did."""
    made = job("-n", count, "-v")
    (case,) = read(tmp_path / "left", job_log=made.log)

    assert {one.worker: one.tests for one in case.histories} == made.truth
    assert case.value("workers") == count
    assert {one.test for one in case.failures} >= FAILED.keys() - {"tests/test_a.py::TestK::test_v"}
    for failure in case.failures:
        assert failure.test in made.truth[failure.worker]


def test_a_junit_file_tells_the_same(job: Callable[..., Job], tmp_path: Path) -> None:
    """Alone; beside a log that says less; and as far as it goes where it is cut off."""
    made = job()
    data = made.junit.read_bytes()
    (alone,) = read(tmp_path / "alone", junit_xml=data)
    assert failures(alone) == FAILED
    assert [one.tests for one in alone.histories] == [made.truth["main"]]

    (both,) = read(tmp_path / "both", junit_xml=data, job_log=made.log)
    assert failures(both) == FAILED
    assert [one.tests for one in both.histories] == [made.truth["main"]]
    assert both.value("python") is not None

    half = data[: data.index(b"second line")]
    (cut,) = read(tmp_path / "cut", junit_xml=half)
    assert cut.colour is Colour.RED
    assert "tests/test_a.py::TestK::test_v" in failures(cut)
    assert any("cut off" in note for note in cut.notes)


def github(lines: list[str]) -> Iterator[str]:
    """As GitHub writes them."""
    for number, line in enumerate(lines):
        yield f"2026-11-30T10:{number // 60 % 60:02d}:{number % 60:02d}.1234567Z {line}"


SHA = "0123456789abcdef0123456789abcdef01234567"
AROUND: dict[str, tuple[list[str], Callable[[list[str]], Iterator[str]], str]] = {
    "GitHub Actions": (
        [
            "##[group]Run actions/checkout@v4",
            f"HEAD is now at {SHA[:7]} x",
            f"'{SHA}'",
            "##[group]Run pytest -v",
            "env:",
            "  TZ: Asia/Tokyo",
            "  PYTHONHASHSEED: 17",
        ],
        github,
        "Run pytest -v"[4:],
    ),
    "GitLab CI": (
        [
            "\x1b[0KRunning with gitlab-runner 17.0.0\x1b[0;m",
            "section_start:1700000000:get_sources\r\x1b[0K\x1b[0K\x1b[36;1mGetting source from Git repository\x1b[0;m",
            f"Checking out {SHA[:8]} as detached HEAD (ref is main)...",
            f"CI_COMMIT_SHA={SHA}",
            "\x1b[32;1m$ export TZ=Asia/Tokyo PYTHONHASHSEED=17\x1b[0;m",
            "\x1b[32;1m$ pytest -v\x1b[0;m",
        ],
        lambda lines: (f"2026-11-30T10:00:00.000000Z 01O {line}" for line in lines),
        "pytest -v",
    ),
    "Jenkins": (
        [
            "[Pipeline] sh",
            f"Checking out Revision {SHA} (refs/remotes/origin/main)",
            "+ export TZ=Asia/Tokyo PYTHONHASHSEED=17",
            "+ pytest -v",
        ],
        lambda lines: (f"[2026-11-30T10:00:00.000Z] {line}" for line in lines),
        "pytest -v",
    ),
    "Buildkite": (
        [
            "~~~ Preparing working directory",
            f"BUILDKITE_COMMIT={SHA}",
            "export TZ=Asia/Tokyo PYTHONHASHSEED=17",
            "\x1b[90m$\x1b[0m pytest -v",
        ],
        lambda lines: (f"\x1b_bk;t=1700000000000\x07{line}\r" for line in lines),
        "pytest -v",
    ),
}


@pytest.mark.parametrize("provider", AROUND)
def test_what_a_ci_system_puts_around_lines_is_taken_off_and_read(
    job: Callable[..., Job], tmp_path: Path, provider: str
) -> None:
    """Timestamps, groups, colours; commit, time zone, hash seed and command come from around the session."""
    made = job("-v")
    before, dressed, command = AROUND[provider]
    text = "\n".join(dressed([*before, *made.log.splitlines(), "behind it"]))
    (case,) = read(tmp_path / "left", job_log=text)

    assert failures(case) == FAILED
    assert {one.worker: one.tests for one in case.histories} == made.truth
    known = {name: case.value(name) for name in ("provider", "commit", "time zone", "hash seed", "command")}
    assert known == {
        "provider": provider,
        "commit": SHA,
        "time zone": "Asia/Tokyo",
        "hash seed": "17",
        "command": command,
    }
    assert case.facts["hash seed"].source.startswith("job.log:")


def test_what_is_not_known_is_said(job: Callable[..., Job], tmp_path: Path) -> None:
    """By name; the line that `--capture` asks for tells all of it."""
    (case,) = read(tmp_path / "left", job_log=job("-v").log)
    assert {"commit", "cores", "hash seed", "time zone"} <= set(case.unknown)

    told = "flakeproof-ci PYTHONHASHSEED=17 TZ=UTC cores=4 started=2026-11-30T10:00:00Z commit=" + SHA
    (case,) = read(tmp_path / "told", job_log=f"{told}\n{job('-v').log}")
    assert case.unknown == []


@pytest.mark.parametrize(
    "line",
    [
        "  PYTHONHASHSEED: random",
        "  PYTHONHASHSEED: 4294967296",
        "  TZ: /etc/shadow",
        "  TZ: $(reboot)",
        "HEAD is now at ../../x y",
        "flakeproof-ci PYTHONHASHSEED=;reboot TZ=:x cores=`x` commit=--upload-pack=x",
    ],
)
def test_what_does_not_look_like_a_fact_is_none(job: Callable[..., Job], tmp_path: Path, line: str) -> None:
    """Nothing is done with it."""
    (case,) = read(tmp_path / "left", job_log=f"{line}\n{job('-v').log}")
    assert {"commit", "hash seed", "time zone"} <= set(case.unknown)


def test_a_zip_with_the_log_twice_is_one_session(job: Callable[..., Job], tmp_path: Path) -> None:
    """GitHub's has the log of a job as a whole, and by steps; a name in it leads nowhere."""
    made = job("-v")
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        archive.writestr("0_test.txt", made.log)
        archive.writestr("test/3_Run pytest.txt", made.log)
        archive.writestr("../../escapes.txt", made.log)
        archive.writestr("picture.png", b"\x89PNG")
    found = cases(artifacts(str(tmp_path / "logs.zip")))

    assert [failures(case) for case in found] == [FAILED]
    assert not (tmp_path.parent / "escapes.txt").exists()


def test_a_log_that_is_cut_off_tells_what_it_has(job: Callable[..., Job], tmp_path: Path) -> None:
    """In the progress, the test is known to have failed and its message is not; within the reports it is."""
    text = job("-v").log
    (case,) = read(tmp_path / "progress", job_log=text[: text.index("= ERRORS =")])
    assert failures(case)["tests/test_b.py::test_deep"] == ("call", "")
    assert any("cut off" in note for note in case.notes)

    (case,) = read(tmp_path / "reports", job_log=text[: text.index("short test summary")])
    assert failures(case)["tests/test_b.py::test_deep"] == FAILED["tests/test_b.py::test_deep"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing of a runner\n",
        b"\x00\x01\x02" * 100,
        b"<?xml version='1.0'?><html></html>",
        b"<?xml version='1.0'?><!DOCTYPE t [<!ENTITY a 'b'><!ENTITY c '&a;&a;'>]><t>&c;</t>",
    ],
)
def test_what_is_no_artifact_of_a_runner_is_refused(tmp_path: Path, data: bytes) -> None:
    """With what is wanted."""
    with pytest.raises(UsageError, match="no session of a test runner"):
        read(tmp_path / "left", file_txt=data)


def test_entities_are_not_resolved(tmp_path: Path) -> None:
    """A file of this machine does not come into a report."""
    (tmp_path / "secret").write_text("SECRET")
    text = (
        f"<?xml version='1.0'?><!DOCTYPE t [<!ENTITY a SYSTEM 'file://{tmp_path}/secret'>]>"
        "<testsuite name='pytest' tests='1'><testcase classname='t' name='test_x'>"
        "<failure message='AssertionError: &a;'>&a;</failure></testcase></testsuite>"
    )
    (case,) = read(tmp_path / "left", junit_xml=text)

    assert case.failures[0].test == "t.py::test_x"
    assert "SECRET" not in str(case)


@pytest.mark.long
def test_a_large_log_streams(job: Callable[..., Job]) -> None:
    """7 MB of output within a session, and a line without an end of 7 MB, take a few MB of memory."""
    head, middle, tail = job("-v").log.partition("collected")
    noise = b"2026-11-30 10:00:00 DEBUG something::happened in a place with a name\n" * 1000

    def chunks() -> Iterator[bytes]:
        yield head.encode()
        for _ in range(100):
            yield noise
        for _ in range(70):
            yield b"x" * 100_000
        yield b"\n" + (middle + tail).encode()

    tracemalloc.start()
    (case,) = cases([Artifact("job.log", chunks)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert failures(case) == FAILED
    assert peak < 5 << 20


_GO = """package shop
import ("testing"; "time")
var total int
func TestSets(t *testing.T) { total = 1 }
func TestTotal(t *testing.T) { if total != 0 { t.Errorf("total is %d", total) } }
func TestParts(t *testing.T) {
    t.Run("one", func(t *testing.T) { t.Parallel(); time.Sleep(time.Millisecond) })
    t.Run("two", func(t *testing.T) { t.Fatal("two is wrong") })
}
func TestSkipped(t *testing.T) { t.Skip("no") }
"""


@pytest.mark.long
def test_go_events(tmp_path: Path) -> None:
    """Tests that failed, innermost, with what they said, in the order in which they ran."""
    go, folder = needed("go"), tmp_path / "shop"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/shop\ngo 1.18\n")
    (folder / "shop_test.go").write_text(_GO)
    ended = subprocess.run([go, "test", "-json", "./..."], cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stderr
    (case,) = read(tmp_path / "left", job_log=ended.stdout)

    assert failures(case) == {
        "example.com/shop.TestTotal": ("call", "total is 1"),
        "example.com/shop.TestParts/two": ("call", "two is wrong"),
    }
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    started = [f"example.com/shop.{event['Test']}" for event in events if event["Action"] == "run"]
    assert case.histories[0].tests == started
    assert (case.counts["passed"], case.counts["skipped"]) == (2, 1)


_NODE = """
const test = require('node:test');
const assert = require('node:assert');
test('adds', () => assert.strictEqual(1 + 1, 2));
test('breaks', () => assert.strictEqual(1 + 1, 3));
test('group', async (t) => { await t.test('inner', () => { throw new Error('inner is wrong'); }); });
"""


@pytest.mark.long
def test_the_junit_file_of_node(tmp_path: Path) -> None:
    """Of another runner than pytest; the counts are its own."""
    node = needed("node")
    (tmp_path / "a.test.js").write_text(_NODE)
    words = [node, "--test", "--test-reporter=junit", str(tmp_path / "a.test.js")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    if "bad option" in ended.stderr or "testsuites" not in ended.stdout:
        pytest.skip("this node writes no JUnit XML")
    (case,) = read(tmp_path / "left", junit_xml=ended.stdout)

    assert case.colour is Colour.RED
    names = {one.test.rpartition("::")[2]: one.symptom.message for one in case.failures}
    assert names.keys() == {"breaks", "group > inner"}
    assert "inner is wrong" in names["group > inner"]
    assert case.runner == "node"


@pytest.mark.parametrize("kind", ["flakyFailure", "flakyError"])
def test_a_test_that_passed_when_it_was_tried_again_leaves_a_job_green(tmp_path: Path, kind: str) -> None:
    """As Surefire writes it, by its schema; what failed each time (rerunFailure) is red."""
    flaky = f'<testcase classname="a.B" name="c" time="0.1"><{kind} message="late" type="E">t</{kind}></testcase>'
    red = (
        '<testcase classname="a.B" name="d" time="1,234.5"><failure message="no" type="E">t</failure>'
        '<rerunFailure message="no" type="E">t</rerunFailure></testcase>'
    )
    suite = '<testsuite xmlns:x="http://w3.org" name="a.B" tests="2">{}</testsuite>'
    (case,) = read(tmp_path / "green", a_xml=suite.format(flaky))
    assert (case.colour, [one.passed_later for one in case.failures]) == (Colour.GREEN, [True])

    (case,) = read(tmp_path / "red", a_xml=suite.format(flaky + red))
    assert (case.colour, [one.passed_later for one in case.failures]) == (Colour.RED, [True, False])
