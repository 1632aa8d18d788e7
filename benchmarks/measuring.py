"""What the benchmarks share: run flakeproof and the Go peer in turns, and print tables."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# Whoever starts often would pay for it that nothing may be compiled ahead, and peers do.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@contextmanager
def go_program(name: str = "go-peer") -> Iterator[Path]:
    """Build one of our Go programs outside of the tree; exits with a message if there is no Go."""
    if shutil.which("go") is None:
        sys.exit("this benchmark needs Go (https://go.dev): `go` is not on the PATH")
    with tempfile.TemporaryDirectory() as folder:
        binary = Path(folder, name)
        subprocess.run(["go", "build", "-o", str(binary), "."], cwd=HERE / name, check=True)
        yield binary


def run_go(binary: Path, count: int, workers: int, settle: str) -> tuple[float, float]:
    """Trials per second as the peer counts them, and seconds from start to exit."""
    start = time.perf_counter()
    arguments = [str(binary), "-count", str(count), "-workers", str(workers), "-settle", settle]
    done = subprocess.run(arguments, capture_output=True, check=True)
    return json.loads(done.stdout)["rate"], time.perf_counter() - start


def run_flakeproof(
    *arguments: str, command: Sequence[str] = (), project: Path = HERE.parent
) -> tuple[dict[str, Any], float]:
    """Summary of `flakeproof run ARGUMENTS [-- COMMAND]`, run in `project`, and seconds from start to exit.

    Its record goes away.
    """
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "flakeproof", "run", *arguments, "--json", "-", "--store", folder]
        words += ["--", *command] if command else []
        environment = {**os.environ, "CI": "true"}
        start = time.perf_counter()
        done = subprocess.run(words, cwd=project, env=environment, capture_output=True, check=False)
        seconds = time.perf_counter() - start
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr.decode()}")
    return json.loads(done.stdout), seconds


def in_turns(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Call all `measures` in each round, in an order that rotates, so that drift of the machine hits all of them."""
    found: list[list[float]] = [[] for _ in measures]
    for turn in range(rounds):
        for place in range(len(measures)):
            index = (place + turn) % len(measures)
            found[index].append(measures[index]())
    return found


def paired_ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and greatest ratio of the rounds."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return statistics.median(ratios), min(ratios), max(ratios)
