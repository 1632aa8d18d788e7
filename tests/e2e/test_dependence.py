"""Tests that depend on each other, in a run as a user makes it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Flakeproof = Callable[..., subprocess.CompletedProcess[str]]

_SHOP = """
import time
from flakeproof import current_trial

full = False

def check_totals():
    global full
    time.sleep(0.002)
    trial = current_trial()
    full = full or trial.seed % 400 == 0
    if full or trial.seed % 100 == 1:
        raise ValueError("the cache is full")
"""
_RUN = ("run", "shop:check_totals", "-c", "400", "-w", "4", "--processes", "4", "--seed", "445", "--json", "run.json")
"""With this seed test 97 fills the cache of its process, and tests 10, 61, 108 and 291 fail by themselves."""


@pytest.fixture
def shop(project: Path) -> Path:
    """A project whose state goes bad in one of its processes."""
    (project / "shop.py").write_text(_SHOP)
    return project


def test_a_process_that_goes_bad(flakeproof: Flakeproof, shop: Path) -> None:
    """It is named, with what the run is worth, and what to do."""
    ended = flakeproof(*_RUN, "--markdown", "run.md")

    document = json.loads((shop / "run.json").read_bytes())
    found = document["dependence"]
    assert found["dependent"]
    assert found["process"]["failed"] > found["process"]["others_failed"]
    assert found["effective"] < 100
    assert document["interval"]["method"] == "approximate, korn-graubard"
    (row,) = (row for row in ended.stdout.splitlines() if row.startswith("Failures cluster in process "))
    assert row.startswith(f"Failures cluster in process {found['process']['process']}: effective sample ")
    assert " of 400; " in row
    assert "\nTry --isolation fork, which gives each test a process of its own, or --processes 16: " in ended.stdout
    assert f"- {row}\n" in (shop / "run.md").read_text()


def test_with_a_process_for_each_test(flakeproof: Flakeproof, shop: Path) -> None:
    """The same tests are independent, and nothing is said."""
    ended = flakeproof(*_RUN, "--isolation", "fork")

    document = json.loads((shop / "run.json").read_bytes())
    assert document["failed"] == 5  # too few to be called a cluster, wherever they happen to be
    assert not document["dependence"]["dependent"]
    assert document["interval"]["method"] == "clopper-pearson"
    assert document["anytime"]["method"] == "robbins"
    assert "effective sample" not in ended.stdout


@pytest.mark.long
def test_what_stays_of_a_test_that_cannot_run_twice(flakeproof: Flakeproof, project: Path) -> None:
    """It is named, with the line that changes it, and the record keeps it."""
    (project / "test_twice.py").write_text(
        "class Register:\n    count = 0\n\n\n"
        "def test_twice():\n    Register.count += 1\n    assert Register.count == 1\n"
    )
    words = ("run", "test_twice.py", "--isolation", "shared", "-w", "1", "-c", "20")
    named = flakeproof(*words, "--json", "run.json")
    (found,) = json.loads((project / "run.json").read_bytes())["repetition"]
    (state,) = found["state"]
    assert (state["name"], state["before"], state["after"], state["decides"]) == (
        *("test_twice.Register.count", "0", "1", True),
    )
    assert state["changed_at"] == "test_twice.py:6 (test_twice)"
    row = (
        "What stays in the process: global test_twice.Register.count: 0 became 1, "
        "changed at test_twice.py:6 (test_twice); with that put back it passes again"
    )
    assert row in named.stdout.splitlines()
    assert row in flakeproof("show").stdout.splitlines()
