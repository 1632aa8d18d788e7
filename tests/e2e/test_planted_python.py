"""Known flakes in Python (tests/planted/python): each fails in its plain settings, and its twin does not.

A flake shows when it likes, and on a busy machine less often. So a run goes on until it has, up to a bound at which
even a rate of 0.1 %, an eighth of the lowest, shows with a probability of more than 1 - 1e-8; mostly it ends at once.
Its twin passes as many tests as show the flake with a probability of 95 %.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.conftest import Flakeproof
from tests.planted.catalogue import PLANTS, Plant

from flakeproof.features.diagnose.records import CauseId

pytestmark = pytest.mark.usefixtures("few_plugins")
LIMIT = 900.0
"""Seconds for one run; on a quiet machine the longest takes ten."""
BOUND = "20000"
"""(1 - 0.001)^20000 = 2e-9"""
QUICK = {"order_global"}
every_plant = pytest.mark.parametrize(
    "plant",
    [pytest.param(each, marks=[] if each.name in QUICK else pytest.mark.long, id=each.name) for each in PLANTS],
)


def run(flakeproof: Flakeproof, plant: Plant, project: Path, *options: str) -> dict[str, Any]:
    """The summary of `flakeproof run` in a copy of a plant, in the settings in which it fails.

    What fails only because copies compete may be told as that, and is no flake then.
    """
    done = flakeproof("run", *plant.targets, *plant.settings, *options, "--json", "-", cwd=project, limit=LIMIT)
    assert done.stdout, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    is_flaky = bool(summary["failed"])
    if plant.cause is CauseId.CONTENTION and is_flaky and done.returncode == 0:
        assert summary["copies"]["conclusion"] == "copies collide"
        is_flaky = False
    assert done.returncode == (1 if is_flaky else 0), done.stderr
    return summary


@every_plant
def test_plant_fails(plant: Plant, flakeproof: Flakeproof, tmp_path: Path) -> None:
    """Its victim does, and no other test of it."""
    project = plant.copy(plant.flaky, tmp_path)
    summary = run(flakeproof, plant, project, "-c", BOUND, "--max-failures", "1")
    assert summary["failed"] >= 1
    assert summary["outcomes"].keys() <= {"passed", "failed"}
    failed = {item["item"] for item in summary["items"] if item["outcomes"].get("failed")}
    assert failed == ({plant.victim} if summary["items"] else set())


@pytest.mark.long
@every_plant
def test_twin_does_not_fail(plant: Plant, flakeproof: Flakeproof, tmp_path: Path, environment: dict[str, str]) -> None:
    """And leaves nothing behind: pytest warns of nothing, and the sanitizers see nothing.

    With the bug it would fail in so many tests with a probability of 95 %.
    """
    trials = plant.trials_that_miss(0.05)
    project = plant.copy(plant.fixed, tmp_path)
    strict = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    once = subprocess.run(
        strict, cwd=project, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert once.returncode == 0, once.stdout
    summary = run(flakeproof, plant, project, "-c", str(trials))
    assert summary["outcomes"] == {"passed": trials}
    watched = run(flakeproof, plant, project, "-c", "10", "--sanitize", "all")
    assert (watched["outcomes"], watched["sightings"]) == ({"passed": 10}, [])
