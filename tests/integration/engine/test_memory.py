"""A long run stays small, in memory and on disk."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.integration.engine.conftest import TARGETS

from flakeproof.store.log import SIZE_LIMIT

SCRIPT = """
import json, sys
import flakeproof
target, warm_up, count, store = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def run(count):
    summary = flakeproof.run(target, count=count, workers=2, processes=2, store=store)
    # Not ru_maxrss, which starts with the size of the parent process.
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return summary, int(peak.split()[1])
_, before = run(warm_up)
summary, after = run(count)
print(json.dumps([summary.total, summary.folder, after - before]))
"""


def growth(target: str, warm_up: int, count: int, store: Path) -> tuple[int, int]:
    """KiB that the coordinator grew by from a short run to a long one, and bytes of the long one's log."""
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, f"faults:{target}", str(warm_up), str(count), str(store)],
        cwd=TARGETS,
        capture_output=True,
        text=True,
        check=True,
    )
    total, folder, kibibytes = json.loads(found.stdout)
    assert total == count
    return kibibytes, (Path(folder) / "events.jsonl").stat().st_size


@pytest.mark.parametrize(
    ("target", "warm_up", "count"),
    [
        ("failing", 3_000, 15_000),
        ("passing", 50_000, 500_000),
        pytest.param("failing", 10_000, 80_000, marks=pytest.mark.long),
        pytest.param("passing", 200_000, 2_000_000, marks=pytest.mark.long),
    ],
)
def test_the_coordinator_does_not_grow(target: str, warm_up: int, count: int, tmp_path: Path) -> None:
    """Many more trials cost neither memory of the coordinator nor an endless log."""
    kibibytes, log = growth(target, warm_up, count, tmp_path)
    assert kibibytes < 16_384
    assert log < SIZE_LIMIT + 1_000_000
    if target == "passing":
        assert log < 1_000_000
