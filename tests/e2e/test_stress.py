"""`flakeproof stress` and run_stress_test.sh: the modes of the original kit."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tools import missing, mostly_long

from flakeproof_worker.system.namespace import possible

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_SCRIPT = Path(__file__).parents[2] / "run_stress_test.sh"
_SHORT = ["-c", "12", "--settle", "0ms"]


@mostly_long(
    ("mode", "workers", "monitor"),
    [
        ([], 4, ""),
        (["TestTracerSuite/eBPFless/TestTCPRTTStressParallel"], 50, ", monitor packets"),
        (["parallel"], 50, ""),
        (["TestTCPRTTStress"], 20, ""),
        (["TestTCPRTTStress", "--monitor", "packets"], 20, ", monitor packets"),
        (["TestTracerSuite/eBPFless/TestTCPRTTStressCI", "--monitor", "none"], 4, ""),
    ],
    first=2,
)
def test_a_mode_runs_its_preset(flakeproof: Flakeproof, mode: list[str], workers: int, monitor: str) -> None:
    """Each name means the preset of the kit, and options after it go through; its suite reads packets."""
    if monitor and (why := possible("packets")) is not None:
        missing(why)
    ended = flakeproof("stress", *mode, *_SHORT)

    assert ended.returncode == 0, ended.stderr
    first, second, *_ = ended.stderr.splitlines()
    assert first == "The fix is applied (--server fixed): no failure is expected."
    assert f"tcprtt (server fixed, settle 0ms{monitor}): 12 tests, {workers} at once" in second
    assert ended.stdout.endswith("All 12 tests passed! (Expected ~0.2 failures based on CI rate)\n")


def test_without_the_fix_failures_are_announced(flakeproof: Flakeproof) -> None:
    """The run says before it starts what to expect, and tells failures as they happen, in the words of the kit."""
    ended = flakeproof("stress", "fast", "--server", "leaky", "--settle", "0ms", "-w", "20")

    assert ended.returncode == 1, ended.stderr
    assert "The fix is not applied (--server leaky): expect about 20 failures at the 2% seen in CI" in ended.stderr
    told, results = ended.stdout.split("=== Stress Test Results ===\n")
    failed = re.search(r"^Failed: (\d+) ", results, re.M)
    assert failed is not None
    numbers = re.findall(r"^FAILURE #(\d+) on test \d+: .+", told, re.M)
    assert [int(number) for number in numbers][:10] == list(range(1, 11))[: int(failed[1])]
    assert len(told.splitlines()) == len(numbers) + 1
    assert ended.stdout.splitlines()[-1].startswith("Stress test detected ")


def test_any_target_can_be_stressed(flakeproof: Flakeproof) -> None:
    """A custom test is named instead of a mode."""
    ended = flakeproof("stress", "targets:fails_at_17", "-c", "20")

    assert ended.returncode == 1
    assert ended.stdout.startswith("FAILURE #1 on test 17: ValueError: seventeen\n\n=== ")


@pytest.mark.long
def test_all_runs_the_four_and_ends_with_the_worst(flakeproof: Flakeproof, project: Path) -> None:
    """In order, each with its own record; here the first to fail decides."""
    ended = flakeproof("stress", "all", *_SHORT)

    assert ended.returncode == 0, ended.stderr
    assert re.findall(r"^--- (\w+): ", ended.stderr, re.MULTILINE) == ["ci", "fast", "parallel", "full"]
    assert ended.stderr.endswith("All modes: ci passed, fast passed, parallel passed, full passed\n")
    assert len(list((project / ".flakeproof" / "runs").iterdir())) == 4


def test_a_wrong_option_is_found_before_anything_runs(flakeproof: Flakeproof, project: Path) -> None:
    """Also in `all`, where only a later mode has the mistake: 30 processes are too many for 20 workers."""
    ended = flakeproof("stress", "all", "--workers", "20", "--processes", "30")

    assert ended.returncode == 2
    assert not (project / ".flakeproof").exists()


def test_the_script_has_the_verdict_as_its_exit_status(
    tmp_path: Path, project: Path, environment: dict[str, str]
) -> None:
    """Options go through, the record is in the folder one is in, and nothing hides the status."""
    # The script beside an environment that is ready: making one is another test's business, and would install.
    kit = tmp_path / "kit"
    (kit / "scripts").mkdir(parents=True)
    shutil.copy(_SCRIPT, kit)
    ready = kit / "scripts" / "environment.sh"
    ready.write_text(f"#!/bin/sh\necho {sys.executable}\n")
    ready.chmod(0o755)

    ended = subprocess.run(
        [str(kit / _SCRIPT.name), "targets:fails_at_17", "-c", "20"],
        cwd=project,
        env=environment | {"FLAKEPROOF_BOOTSTRAP_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1, ended.stderr
    assert ended.stdout.endswith("Stress test detected 1 failure out of 20 runs (5.00% failure rate)\n")
    assert (project / ".flakeproof" / "latest" / "output.log").exists()
