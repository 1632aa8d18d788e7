"""Repeats of one trivial pytest test per second, against pytest-repeat, pytest-xdist and starting pytest each time.

Usage: pytest_peers.py [ROUNDS]. Every figure is from start to exit of the command, in alternating rounds; the peers get
an environment of their own (the network is needed once). In a process of ours the same plugins are loaded as in the
peer's, but for the one that repeats.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

PEERS = ("pytest==9.0.0", "pytest-repeat==0.9.4", "pytest-xdist==3.8.0")
REPEATS = 50_000
FORKS = 5_000
STARTS = 10
PLAIN = ("-p", "no:xdist", "-p", "no:repeat")
_TEST = "def test_nothing():\n    pass\n"


class Peers:
    """A folder with one test, and a Python that has pytest and its plugins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "test_it.py").write_text(_TEST)
        (self.folder / "pyproject.toml").write_text("")
        self.python = folder / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
        subprocess.run(
            [str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PEERS], check=True
        )

    def pytest(self, *arguments: str) -> float:
        """Seconds of one pytest, from start to exit."""
        command = [str(self.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        start = time.perf_counter()
        subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    def flakeproof(self, count: int, processes: int, isolation: str, *plugins: str) -> float:
        """Seconds of one flakeproof, from start to exit; `plugins` are arguments for pytest."""
        _, seconds = run_flakeproof(
            *("test_it.py::test_nothing", "-c", str(count), "-w", str(processes)),
            *("--isolation", isolation, "--python", str(self.python), "--pytest-args", " ".join(plugins)),
            project=self.folder,
        )
        return seconds


def compare(title: str, rounds: int, bar: float, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Print both rates (per second) and their ratio."""
    mine, others = in_turns(rounds, ours, theirs)
    ratio, least, greatest = paired_ratio(mine, others)
    print(
        f"{title}: {statistics.median(mine):,.4g}, peer {statistics.median(others):,.4g}, "
        f"ratio {ratio:.2f} ({least:.2f} to {greatest:.2f}; bar {bar:g})",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        peers = Peers(Path(name))
        compare(
            "shared, one process, tests/s against pytest-repeat",
            rounds,
            2.5,
            lambda: REPEATS / peers.flakeproof(REPEATS, 1, "shared", *PLAIN),
            lambda: REPEATS / peers.pytest("-p", "no:xdist", "--count", str(REPEATS)),
        )
        compare(
            "shared, two processes, tests/s against pytest-xdist -n2 with pytest-repeat",
            rounds,
            5,
            lambda: REPEATS / peers.flakeproof(REPEATS, 2, "shared", *PLAIN),
            lambda: REPEATS / peers.pytest("-n2", "--count", str(REPEATS)),
        )
        compare(
            "fork, two processes, tests/s against starting pytest for each",
            rounds,
            100,
            lambda: FORKS / peers.flakeproof(FORKS, 2, "fork", *PLAIN),
            lambda: STARTS / sum(peers.pytest(*PLAIN) for _ in range(STARTS)),
        )
        compare(
            "one test, starts/s against plain pytest",
            rounds * 2,
            1 / 1.5,
            lambda: 1 / peers.flakeproof(1, 1, "fork", *PLAIN),
            lambda: 1 / peers.pytest(*PLAIN, "test_it.py::test_nothing"),
        )


if __name__ == "__main__":
    main()
