"""Known flakes in Go, Rust and node (tests/planted), run as the commands that they are.

A race shows when it likes. So a run goes on until it has, up to a bound at which even a tenth of the lowest rate ever
measured (0.3 %, one busy core) would have shown with a probability of more than 1 - 1e-9; mostly it ends at once.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import needed

PLANTED = Path(__file__).parent.parent / "planted"
BOUND = "100000"
"""(1 - 0.0003)^100000 = 1e-13"""
# Nothing is downloaded, and no other Go than the installed one.
GO = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local", "GOPROXY": "off", "GOWORK": "off"}


@dataclass(frozen=True)
class Seen:
    """What a run of flakeproof said."""

    summary: dict[str, Any]
    code: int
    printed: str

    @property
    def signature(self) -> dict[str, Any]:
        """The only one."""
        (only,) = self.summary["signatures"]
        assert only["count"] == self.summary["failed"]
        return dict(only)

    @property
    def preview(self) -> str:
        """Of the first failure."""
        return "\n".join(self.signature["example"]["details"]["preview"])


Run = Callable[..., Seen]


@pytest.fixture
def run(flakeproof: Flakeproof) -> Run:
    """`flakeproof run OPTIONS -- COMMAND`, four at once, with its counts checked."""

    def run(options: list[str], command: list[str]) -> Seen:
        done = flakeproof("run", "-w", "4", "--json", "-", *options, "--", *command)
        assert done.stdout, done.stderr
        seen = Seen(json.loads(done.stdout), done.returncode, done.stderr)
        assert seen.summary["total"] == sum(seen.summary["outcomes"].values())
        assert seen.summary["failed"] == sum(signature["count"] for signature in seen.summary["signatures"])
        assert seen.code == (1 if seen.summary["failed"] else 0)
        return seen

    return run


def build(folder: Path, command: list[str], **environment: str) -> str:
    """Run a compiler on a copy of a planted folder, so that nothing is left in the tree."""
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def go_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the Go module."""
    return Path(shutil.copytree(PLANTED / "go", tmp_path_factory.mktemp("planted") / "go"))


@pytest.fixture(scope="session")
def go_tests(go_folder: Path) -> str:
    """The test binary."""
    build(go_folder, [needed("go"), "test", "-c", "-o", "planted.test", "."], **GO)
    return str(go_folder / "planted.test")


@pytest.fixture(scope="session")
def go_race_tests(go_folder: Path) -> str:
    """The test binary with the race detector, which needs a C compiler."""
    needed("gcc")
    build(go_folder, [needed("go"), "test", "-race", "-c", "-o", "race.test", "."], **GO, CGO_ENABLED="1")
    return str(go_folder / "race.test")


@pytest.fixture(scope="session")
def go_race_program(go_folder: Path) -> str:
    """A program with the race detector."""
    needed("gcc")
    build(go_folder, [needed("go"), "build", "-race", "-o", "races.bin", "./races"], **GO, CGO_ENABLED="1")
    return str(go_folder / "races.bin")


@pytest.fixture(scope="session")
def rust_tests(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The test binary of the crate."""
    folder = shutil.copytree(PLANTED / "rust", tmp_path_factory.mktemp("planted") / "rust")
    command = [needed("cargo"), "test", "--offline", "--no-run", "--message-format=json"]
    told = build(folder, command, CARGO_TARGET_DIR=str(folder / "target")).splitlines()
    artefacts = [json.loads(line) for line in told if line.startswith("{")]
    return next(
        str(artefact["executable"])
        for artefact in artefacts
        if artefact.get("executable") and artefact["target"]["name"] == "races"
    )


@pytest.mark.long
@pytest.mark.parametrize("test", ["TestTCPRTT", "TestShortWrite"])
def test_go_victim_and_culprit_pass_by_themselves(test: str, run: Run, go_tests: str) -> None:
    """Stressed alone neither of them fails: the one hurts nobody, the other is hurt by nobody."""
    seen = run(["-c", "40"], [go_tests, "-test.run", f"^{test}$"])
    assert seen.summary["outcomes"] == {"passed": 40}
    assert "All 40 tests passed!" in seen.printed


def test_go_victim_fails_beside_the_culprit(run: Run, go_tests: str) -> None:
    """The message of the original flake, told of the victim, and one signature whatever the ports are."""
    options = ["-c", BOUND, "--max-failures", "3", "--failure", "write: bad file descriptor"]
    seen = run(options, [go_tests, "-test.run", "^Test(TCPRTT|ShortWrite)$"])
    assert seen.summary["failed"] == 3
    assert seen.signature["signature"] == (
        "TestTCPRTT: write failed (local=<address>, remote=<address>): "
        "write tcp <address>-><address>: write: bad file descriptor"
    )
    assert seen.signature["example"]["details"]["place"].startswith("tcp_test.go:")
    assert seen.preview.startswith("--- FAIL: TestTCPRTT (")
    assert "FAILURE #1 on test " in seen.printed
    assert ": TestTCPRTT: write failed (local=127.0.0.1:" in seen.printed


def test_go_background_work_that_nobody_waits_for(run: Run, go_tests: str) -> None:
    """Fails now and then by itself; how much is missing, and the port, do not make it another failure."""
    seen = run(["-c", BOUND, "--max-failures", "5"], [go_tests, "-test.run", "^TestEverythingArrived$"])
    assert seen.summary["failed"] == 5
    assert seen.signature["signature"] == "TestEverythingArrived: <n> bytes arrived at <address>, want <n>"


def test_go_test_that_always_fails(run: Run, go_tests: str) -> None:
    """The subtest is named, and the preview shows the failure and not what the program says around it."""
    seen = run(["-c", "12"], [go_tests, "-test.run", "^TestBroken$"])
    assert (seen.summary["verdict"], seen.summary["outcomes"]) == ("broken", {"failed": 12})
    assert seen.signature["example"]["message"] == "TestBroken/sum: got 4 want 5"
    first, message, more = seen.preview.splitlines()
    assert first.startswith("--- FAIL: TestBroken/sum (")
    assert message.endswith(": got 4")
    assert more.strip() == "want 5"
    assert "planted: " not in seen.printed
    assert "planted: starting up" in seen.signature["example"]["output"]


def test_go_test_that_always_fails_with_v(run: Run, go_tests: str) -> None:
    """With -test.v, when what a test says comes before its end, it is found as well."""
    seen = run(["-c", "4"], [go_tests, "-test.v", "-test.run", "^TestBroken$"])
    assert seen.signature["example"]["message"] == "TestBroken/sum: got 4 want 5"


@pytest.mark.long
def test_go_data_race(run: Run, go_race_tests: str) -> None:
    """Told by the race detector in each run, by the two functions that meet, in whichever order."""
    seen = run(["-c", "8", "--timeout", "60s"], [go_race_tests, "-test.run", "^TestCount$"])
    assert seen.summary["outcomes"] == {"failed": 8}
    race = "TestCount: DATA RACE: read in flakeproof/planted.TestCount() against write in "
    assert seen.signature["signature"].startswith(race)
    assert seen.preview.startswith("WARNING: DATA RACE\nRead at 0x")
    assert "tcp_test.go:" in seen.signature["example"]["details"]["place"]


@pytest.mark.long
@pytest.mark.parametrize("code", [0, 66])
def test_go_data_races_in_a_program_that_goes_on(
    code: int, run: Run, flakeproof: Flakeproof, go_race_program: str
) -> None:
    """However it ends, and whichever of two races comes first; what is to be ignored is no failure."""
    told = ["-c", "8", "--env", f"GORACE=exitcode={code} atexit_sleep_ms=0"]
    seen = run(told, [go_race_program])
    assert seen.summary["outcomes"] == {"failed": 8}
    title = "DATA RACE: write in main.early() against write in main.early.func1()"
    assert (seen.signature["signature"], seen.signature["example"]["message"]) == (title, title)
    assert seen.signature["example"]["output"].count("WARNING: DATA RACE") == 2
    assert "main.early" in seen.preview
    ignored = flakeproof("run", *told, "--ignore", "DATA RACE", "--", go_race_program)
    assert ignored.returncode == 5, ignored.stderr  # nothing was left to run


@pytest.mark.long
@pytest.mark.parametrize("test", ["no_update_is_lost", "first_come_first_served"])
def test_rust_races(test: str, run: Run, rust_tests: str) -> None:
    """The test that has panicked, its message, and the two values in the preview."""
    seen = run(["-c", BOUND, "--max-failures", "2"], [rust_tests, "--exact", test])
    assert seen.summary["failed"] == 2
    # Rust before 1.73 words assertions in another way.
    assert seen.signature["signature"].startswith((f"{test}: assertion `left == right`", f"{test}: assertion failed: "))
    assert seen.signature["example"]["details"]["place"].startswith("tests/races.rs:")
    assert seen.preview.startswith(f"thread '{test}' ")
    assert "left: " in seen.preview


@pytest.mark.long
@pytest.mark.parametrize("options", [["--test"], [], ["--test", "--test-reporter=spec"]], ids=["tap", "alone", "spec"])
def test_node_race(options: list[str], run: Run) -> None:
    """The name of the test and what it expected, with either reporter."""
    command = [needed("node"), *options, str(PLANTED / "node" / "order.test.js")]
    seen = run(["-c", BOUND, "--max-failures", "1"], command)
    message = seen.signature["example"]["message"]
    assert message.startswith("files arrive in the order in which they were asked for: ")
    assert "second, first" in message
    place = seen.signature["example"]["details"]["place"]
    assert place.rpartition(":")[0].endswith("order.test.js")
    assert "second, first" in seen.preview
