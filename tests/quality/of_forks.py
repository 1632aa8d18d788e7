"""What `flakeproof run` and `gate` claim in their default settings about tests whose chance is fixed at import."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from tests.planted.imports import ImportPlant

LIMIT = 900.0
"""Seconds for one run."""


class Claim(NamedTuple):
    """What a run has said of the rate in new processes."""

    failed: int
    total: int
    processes: int
    low: float
    high: float

    def holds(self, rate: float) -> bool:
        """Whether `rate` is among those that it leaves possible."""
        return self.low <= rate <= self.high


def claim(plant: ImportPlant, seed: int, count: int, python: str = sys.executable) -> Claim:
    """That of `flakeproof run`."""
    with tempfile.TemporaryDirectory() as folder:
        summary, _ = _flakeproof(plant, Path(folder), python, "run", "-c", str(count), "--seed", str(seed))
    interval, fixed = summary["interval"], summary["fixed_once"]
    low, high = interval["low"], interval["high"]
    if fixed is not None:  # both lines stand below each other, and neither holds without the other
        low, high = min(low, fixed["interval"]["low"]), max(high, fixed["interval"]["high"])
    cluster = (summary["dependence"] or {}).get("process")
    processes = fixed["processes"] if fixed is not None else cluster["processes"] if cluster else 0
    return Claim(summary["failed"], summary["total"], processes, low, high)


def gate(plant: ImportPlant, seed: int, rate: str, python: str = sys.executable) -> tuple[int, Any]:
    """Exit status and finding of `flakeproof gate --max-rate`."""
    with tempfile.TemporaryDirectory() as folder:
        summary, status = _flakeproof(plant, Path(folder), python, "gate", "--max-rate", rate, "--seed", str(seed))
    return status, summary["finding"]


def _flakeproof(plant: ImportPlant, folder: Path, python: str, command: str, *words: str) -> tuple[dict[str, Any], int]:
    plant.copy(folder)
    line = [sys.executable, "-m", "flakeproof", command, plant.file, *words, "--python", python, "--json", "-"]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
    if not done.stdout:
        raise RuntimeError(f"{' '.join(line)} ended with {done.returncode}: {done.stderr}")
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary, done.returncode
