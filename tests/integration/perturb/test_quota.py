"""What --cpu-quota does for every kind of target."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import flakeproof

BURNS = """
import os, resource, time

def computed(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime

def burn(seconds):
    start = time.monotonic()
    before = computed(resource.RUSAGE_SELF)
    while computed(resource.RUSAGE_SELF) < before + seconds:
        pass
    return seconds / (time.monotonic() - start)

def test_burns():
    raise AssertionError(f"share {burn(0.15):.3f}")

def test_burns_twice():
    start = time.monotonic()
    for _ in range(2):
        if os.fork() == 0:
            burn(0.1)
            os._exit(0)
    os.wait(), os.wait()
    raise AssertionError(f"share {computed(resource.RUSAGE_CHILDREN) / (time.monotonic() - start):.3f}")

def hangs():
    while True:
        pass

if __name__ == "__main__":
    test_burns()
"""


@pytest.mark.parametrize(
    ("target", "options"),
    [
        ("burner:test_burns", {}),
        ("burner:test_burns", {"isolation": "fork"}),
        ("burner:test_burns_twice", {"isolation": "fork"}),
        (flakeproof.pytest_nodes("burner.py::test_burns"), {"isolation": "shared"}),
        ([sys.executable, "burner.py"], {}),
    ],
    ids=["shared", "fork", "a tree", "pytest", "command"],
)
def test_a_test_gets_its_share(
    target: Any, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a CPU, all of its processes together. Others may leave it less; without a quota it would be most of one."""
    (tmp_path / "burner.py").write_text(BURNS)
    monkeypatch.chdir(tmp_path)

    summary = flakeproof.run(target, count=1, workers=1, cpu_quota="25%", store=tmp_path / "store", **options)

    failure = summary.signatures[0].example
    told = re.search(r"share (\d\.\d+)", f"{failure.message} {failure.output}")
    assert told is not None
    assert 0.01 < float(told[1]) < 0.5


def test_time_limits_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hangs under a quota is told by its stack, and ended."""
    (tmp_path / "burner.py").write_text(BURNS)
    monkeypatch.chdir(tmp_path)

    summary = flakeproof.run(
        "burner:hangs", count=1, workers=1, cpu_quota="20%", timeout=0.3, grace=0.3, store=tmp_path / "store"
    )

    assert summary.outcomes == {"timed out": 1}
    assert "in hangs" in str(summary.signatures[0].example)
