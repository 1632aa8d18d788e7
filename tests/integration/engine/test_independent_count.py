"""What flakeproof counts is what happened: trials keep a count of their own, and the two are compared."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

import flakeproof
from flakeproof import Summary

TARGETS = Path(__file__).parent / "targets"
KINDS = ("function", "coroutine", "tests", "command")


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A run of any kind, spread in any way, whose trials end in any way."""
    kind = draw(st.sampled_from(KINDS))
    isolations = ("shared", "fork", "fresh") if kind != "command" else (None,)
    return {
        "kind": kind,
        "count": draw(st.sampled_from((1, 2, 9, 30))),
        "workers": draw(st.integers(1, 4)),
        "processes": draw(st.integers(1, 3)),
        "isolation": draw(st.sampled_from(isolations)),
        "seed": draw(st.integers(0, 2**32)),
        "counting": draw(st.tuples(*[st.sampled_from((0, 0, 2, 3, 7))] * 3)),
    }


def counted(place: Path) -> dict[str, list[int]]:
    """What the trials have noted, by how they ended, each as often as it was noted."""
    found: dict[str, list[int]] = {name: [] for name in ("begun", "passed", "failed", "skipped", "died")}
    for line in place.read_text().splitlines() if place.exists() else ():
        what, trial = line.split()
        if int(trial) < 1 << 40:  # above are trials that look into whether copies collide, which count for nothing
            found.setdefault(what, []).append(int(trial))
    return found


def run(configuration: dict[str, Any], folder: Path) -> Summary:
    """Run it, with its own count in `folder`."""
    options = {name: value for name, value in configuration.items() if name not in ("kind", "counting") and value}
    target: Any = {
        "function": "counting:function",
        "coroutine": "counting:coroutine",
        "tests": flakeproof.pytest_nodes("counting.py"),
        "command": [sys.executable, "counting.py", "base", "{trial}"],
    }[configuration["kind"]]
    here = Path.cwd()
    before = dict(os.environ)
    os.environ |= {"COUNTED": str(folder / "counted"), "COUNTING": ",".join(map(str, configuration["counting"]))}
    os.chdir(TARGETS)
    try:
        return flakeproof.run(target, store=str(folder / "store"), grace=0.3, **options)
    finally:
        os.chdir(here)
        os.environ.clear()
        os.environ.update(before)


def check(configuration: dict[str, Any]) -> None:
    """The summary and the count of the trials themselves agree."""
    one_each = configuration["kind"] == "tests" and configuration["isolation"] == "shared"
    workers = configuration["workers"]
    configuration = {**configuration, "processes": workers if one_each else min(workers, configuration["processes"])}
    with tempfile.TemporaryDirectory() as folder:
        summary = run(configuration, Path(folder))
        found = counted(Path(folder) / "counted")
    count = configuration["count"]
    outcomes = Counter(summary.outcomes)
    numbers = set(range(1, count + 1))
    prefix = "base-" if configuration["kind"] == "command" else ""
    begun, passed, failed, skipped, died = (
        found.get(f"{prefix}{name}", []) for name in ("begun", "passed", "failed", "skipped", "died")
    )
    assert summary.total == sum(outcomes.values()) == count
    assert set(begun) == numbers
    assert outcomes["lost"] == outcomes["timed out"] == 0
    # A process that dies takes those with it that ran beside it, whatever they have noted, and they do not run again.
    beside = (configuration["workers"] + 1) * len(died) if configuration["isolation"] == "shared" else 0
    assert len(set(died)) <= outcomes["crashed"] <= len(set(died)) + beside
    for outcome, noted in (("passed", passed), ("failed", failed), ("skipped", skipped)):
        assert len(set(noted)) - beside <= outcomes[outcome] <= len(set(noted)), (outcome, outcomes, found)
        if not beside:
            assert sorted(noted) == sorted(set(noted))
            assert outcomes[outcome] == len(noted)


@settings(max_examples=4)
@given(configurations())
def test_the_counts_agree(configuration: dict[str, Any]) -> None:
    """Whatever is run, however it is spread, and however it ends."""
    check(configuration)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_the_counts_of_each_kind_agree(kind: str) -> None:
    """The same, with more of each."""

    @settings(max_examples=4)
    @given(configurations())
    def checked(configuration: dict[str, Any]) -> None:
        isolation = None if kind == "command" else configuration["isolation"] or "fork"
        check({**configuration, "kind": kind, "isolation": isolation})

    checked()


@pytest.mark.long
@settings(max_examples=2)
@given(st.sampled_from((1, 7, 24)), st.integers(1, 4), st.sampled_from(((2, 0, 0), (3, 0, 2), (0, 0, 0))))
def test_the_count_of_the_pytest_plugin_agrees(count: int, workers: int, counting: tuple[int, ...]) -> None:
    """What `pytest --flakeproof` says of a test is what its runs have noted."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "COUNTED": f"{folder}/counted",
            "COUNTING": ",".join(map(str, counting)),
            "FLAKEPROOF_STORE": f"{folder}/store",
        }
        shutil.copy(TARGETS / "counting.py", folder)
        plugin = [] if _has_entry_point() else ["-p", "flakeproof_pytest"]
        words = ["--flakeproof", str(count), "--flakeproof-workers", str(workers), "-p", "no:cacheprovider"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *plugin, *words, "--rootdir", folder, "counting.py"],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        found = counted(Path(folder) / "counted")
    said = re.search(r"counting\.py::test_counted: (\d+) of (\d+) failed", done.stdout)
    assert set(found["begun"]) == set(range(1, count + 1))
    if said is None:  # all of it was skipped
        assert (found["failed"], found["passed"]) == ([], []), done.stdout + done.stderr
        return
    assert (int(said[1]), int(said[2])) == (len(found["failed"]), len(found["failed"]) + len(found["passed"]))


@pytest.mark.long
@settings(max_examples=2)
@given(st.sampled_from((4, 20, 60)), st.integers(1, 3), st.integers(0, 2**32))
def test_the_counts_of_a_comparison_agree(count: int, workers: int, seed: int) -> None:
    """Both arms have run what the comparison counts, and what was under way at its end beside that."""
    with tempfile.TemporaryDirectory() as folder:
        arms = [f"{arm}:-w {workers} -- {sys.executable} counting.py {arm} {{trial}}" for arm in ("base", "fix")]
        words = ["compare", "--count", str(count), "--arm", arms[0], "--arm", arms[1], "--seed", str(seed)]
        done = subprocess.run(
            [sys.executable, "-m", "flakeproof", *words, "--json", "-", "--store", f"{folder}/store"],
            cwd=TARGETS,
            env={**os.environ, "COUNTED": f"{folder}/counted"},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        found = counted(Path(folder) / "counted")
    summary = json.loads(done.stdout)
    for arm in ("base", "fix"):
        counts = summary[arm]
        begun, failed, passed = (found.get(f"{arm}-{what}", []) for what in ("begun", "failed", "passed"))
        assert sorted(begun) == sorted(set(begun))
        assert counts["other"] == 0
        assert counts["failed"] <= len(failed)
        assert counts["passed"] <= len(passed)
        assert len(begun) - 2 * workers <= counts["failed"] + counts["passed"] <= len(begun)


def _has_entry_point() -> bool:
    from importlib.metadata import entry_points

    return any(point.name == "flakeproof" for point in entry_points(group="pytest11"))
