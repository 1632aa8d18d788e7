"""`flakeproof ci` with jobs of other runners than pytest: from what a real red job has left to a command that fails."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from tests.e2e.conftest import Flakeproof
from tests.tools import needed

DOCS = Path(__file__).parent.parent.parent / "docs"
GO_ORDER = {
    "go.mod": "module example.com/shop\n\ngo 1.18\n",
    "shop_test.go": 'package shop\n\nimport "testing"\n\nvar total int\n\n'
    'func TestTotal(t *testing.T) {\n\tif total != 0 {\n\t\tt.Fatalf("total is %d", total)\n\t}\n}\n\n'
    "func TestOther(t *testing.T) {}\n\nfunc TestSets(t *testing.T) { total = 1 }\n",
}
GO_ZONE = {
    "go.mod": GO_ORDER["go.mod"],
    "shop_test.go": 'package shop\n\nimport (\n\t"testing"\n\t"time"\n)\n\nfunc TestDay(t *testing.T) {\n'
    '\tif day := time.Unix(1700000000, 0).Day(); day != 14 {\n\t\tt.Errorf("day is %d", day)\n\t}\n}\n',
}
RUST_STATE = {
    "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n',
    "src/lib.rs": "#[cfg(test)]\nmod tests {\n    use std::sync::atomic::{AtomicU32, Ordering};\n"
    "    static TOTAL: AtomicU32 = AtomicU32::new(0);\n"
    "    #[test]\n    fn a_sets() { TOTAL.store(1, Ordering::SeqCst); }\n"
    '    #[test]\n    fn total() { assert_eq!(TOTAL.load(Ordering::SeqCst), 0, "left over"); }\n}\n',
}
Red = Callable[..., Path]


@pytest.fixture
def red(project: Path, environment: dict[str, str]) -> Red:
    """Make a repository of files, run a command in it until it is red, as CI does, and give the log of that."""

    def make(files: dict[str, str], words: list[str], **variables: str) -> Path:
        for path in project.glob("*.py"):
            path.unlink()
        for name, text in {**files, ".gitignore": ".*\ntarget\n*.lock\n"}.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
        for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
            subprocess.run([*git, *command], cwd=project, check=True)
        program = needed(words[0])
        environment["PATH"] = os.pathsep.join([str(Path(program).parent), environment["PATH"]])
        for _ in range(100):
            ended = subprocess.run(
                [program, *words[1:]],
                cwd=project,
                env={**environment, **variables},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            if ended.returncode:
                break
        assert ended.returncode, ended.stdout
        log = project.parent / "job.log"
        before = [f"##[group]Run {' '.join(words)}", "env:", *(f"  {key}: {one}" for key, one in variables.items())]
        log.write_text("\n".join([*before, "##[endgroup]", ended.stdout]))
        return log

    return make


def reproduced(flakeproof: Flakeproof, log: Path, code: int = 1) -> dict[str, Any]:
    """The JSON of a reproduction, which keeps to its schema."""
    ended = flakeproof("ci", str(log), "--seed", "1", "--json", "-", limit=1200)
    assert ended.returncode == code, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    jsonschema.validate(found, json.loads((DOCS / "ci.schema.json").read_bytes()))
    return found


@pytest.mark.long
def test_the_order_of_tests_of_go(flakeproof: Flakeproof, red: Red, project: Path, environment: dict[str, str]) -> None:
    """The seed of -shuffle is in the log and in the command, which fails when it is typed."""
    found = reproduced(flakeproof, red(GO_ORDER, ["go", "test", "-json", "-shuffle=on", "./..."]))

    assert found["verdict"] == "reproduced"
    seed = found["case"]["facts"]["shuffle"]["value"]
    assert found["command"] == f"go test -count=1 -shuffle={seed} example.com/shop"
    assert found["failure"]["symptom"]["message"] == "total is 1"
    assert any(one.startswith("other tests matter") for one in found["conditions"])
    assert any(one.startswith(f"-shuffle={seed} matters") for one in found["conditions"])
    ended = subprocess.run(
        found["command"], shell=True, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert "total is 1" in ended.stdout


@pytest.mark.long
def test_the_time_zone_of_a_job_of_go(flakeproof: Flakeproof, red: Red) -> None:
    """From a plain log; the test alone is enough, and the zone matters."""
    found = reproduced(flakeproof, red(GO_ZONE, ["go", "test", "./..."], TZ="Asia/Tokyo"))

    assert found["verdict"] == "reproduced"
    assert "TZ=Asia/Tokyo go test -count=1 -run '^TestDay$'" in found["command"]
    assert any(one.startswith("TZ=Asia/Tokyo matters") for one in found["conditions"])


@pytest.mark.long
def test_state_that_leaks_in_rust(flakeproof: Flakeproof, red: Red) -> None:
    """The one thread that CI asked for is kept; alone it passes."""
    found = reproduced(flakeproof, red(RUST_STATE, ["cargo", "test", "--offline", "--", "--test-threads=1"]))

    assert found["verdict"] == "reproduced"
    assert found["command"] == "cargo test --no-fail-fast -- --test-threads=1"
    assert found["rungs"][0]["failed"] == 0
    assert found["rate"]["failed"] == found["rate"]["attempts"] > 0


@pytest.mark.long
def test_what_always_fails_in_go_is_broken(flakeproof: Flakeproof, red: Red) -> None:
    """And not called flaky."""
    files = {**GO_ZONE, "shop_test.go": 'package shop\nimport "testing"\nfunc TestX(t *testing.T) { t.Fatal("no") }\n'}
    found = reproduced(flakeproof, red(files, ["go", "test", "./..."]))
    assert (found["verdict"], found["rate"]["failed"]) == ("broken", found["rate"]["attempts"])


def test_a_test_that_is_not_here_is_said_so(flakeproof: Flakeproof, project: Path) -> None:
    """With what the runner wrote."""
    needed("go")
    (project / "job.log").write_text("--- FAIL: TestGone (0.00s)\n    a_test.go:3: gone\nFAIL\texample.com/x\t0.1s\n")
    ended = flakeproof("ci", "job.log", "--budget", "60s")
    assert ended.returncode == 3
    assert "go tells nothing of TestGone here" in ended.stderr
