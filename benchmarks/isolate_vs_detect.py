"""How long it takes to name a polluter, against detect-test-pollution 1.2.0; and how often one by chance is named.

Usage: isolate_vs_detect.py [ROUNDS [REPETITIONS]]. Both search a generated suite of 200 tests with one polluter, from
start to exit of the command, in alternating rounds; ours confirms its answer in fresh interpreters, the peer does not.
Both get the same environment of their own (the network is needed once).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measuring import in_turns, paired_ratio

TESTS = 200
FILES = 10
POLLUTER = 137
PEER = ("pytest==8.4.2", "detect-test-pollution==1.2.0")
BAR = 3.0
RELIABILITY = 0.99
_STATE = "FLAG = False\n"
_COLLECTION_SECONDS = 3


class Suite:
    """A generated suite, and the environment in which it runs."""

    def __init__(self, folder: Path, python: Path) -> None:
        self.folder = folder
        self.python = python
        self.victim = f"tests/test_{FILES - 1}.py::test_victim"
        self.polluter = f"tests/test_{POLLUTER * FILES // TESTS}.py::test_{POLLUTER}"

    def write(self, *, pollutes: str, collection: int = 0) -> None:
        """Make it; `pollutes` is what the polluter sets, `collection` the seconds that collecting takes."""
        (self.folder / "tests").mkdir(parents=True)
        (self.folder / "pytest.ini").write_text("[pytest]\npythonpath = .\ntestpaths = tests\n")
        (self.folder / "state.py").write_text(_STATE)
        (self.folder / "conftest.py").write_text(f"import time\ntime.sleep({collection})\n" if collection else "")
        for number in range(FILES):
            own = range(number * TESTS // FILES, (number + 1) * TESTS // FILES)
            lines = ["import os, random", "import state", ""]
            for test in own:
                body = f"state.FLAG = {pollutes}" if test == POLLUTER else "assert sum(range(100)) == 4950"
                lines += [f"def test_{test}():", f"    {body}", ""]
            if number == FILES - 1:
                lines[-4:] = ["def test_victim():", "    assert not state.FLAG", ""]
            (self.folder / "tests" / f"test_{number}.py").write_text("\n".join(lines))

    def ours(self) -> float:
        """Seconds of `flakeproof isolate`; exits if it names another one."""
        seconds, named = self.isolate()
        if named != [self.polluter]:
            sys.exit(f"flakeproof has named {named}, and it is {self.polluter}")
        return seconds

    def isolate(self, *options: str) -> tuple[float, list[str]]:
        """Seconds, and whom it names."""
        command = [sys.executable, "-m", "flakeproof", "isolate", self.victim, "--python", str(self.python)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *options, "--json", "-"], cwd=self.folder, capture_output=True, text=True, check=False
        )
        seconds = time.perf_counter() - start
        if done.returncode not in (1, 4):
            sys.exit(done.stderr)
        found = json.loads(done.stdout)
        return seconds, [member["test"] for one in found["culprits"] for member in one["members"]]

    def theirs(self) -> float:
        """Seconds of the peer; exits if it names another one."""
        command = [
            str(self.python.with_name("detect-test-pollution")),
            "--failing-test",
            self.victim,
            "--tests",
            "tests",
        ]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if self.polluter not in done.stdout:
            sys.exit(f"detect-test-pollution has not named {self.polluter}:\n{done.stdout}{done.stderr}")
        return seconds


def compare(title: str, rounds: int, ours: Callable[[], float], theirs: Callable[[], float]) -> None:
    """Print both times and how many times as long the peer takes."""
    mine, others = in_turns(rounds, ours, theirs)
    ratio, least, greatest = paired_ratio(others, mine)
    print(
        f"{title}: {statistics.median(mine):.2f} s, peer {statistics.median(others):.2f} s, "
        f"{ratio:.2f} times as fast ({least:.2f} to {greatest:.2f}; bar {BAR:g})",
        flush=True,
    )


def reliability(suite: Suite, repetitions: int) -> None:
    """Print how often the polluter is named whose pollution shows in 30 % of the runs."""
    runs = [suite.isolate("--seed", str(seed)) for seed in range(1, repetitions + 1)]
    right = sum(named == [suite.polluter] for _, named in runs)
    wrong = sum(bool(named) and named != [suite.polluter] for _, named in runs)
    print(
        f"pollution in 30 % of runs: named in {right} of {repetitions} (bar {RELIABILITY:.0%}), "
        f"another test in {wrong}, median {statistics.median(seconds for seconds, _ in runs):.1f} s",
        flush=True,
    )


def environment(folder: Path) -> Path:
    """Make it; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--disable-pip-version-check"]
    subprocess.run([*pip, *PEER], check=True)
    return python


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    repetitions = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    with tempfile.TemporaryDirectory() as name:
        python = environment(Path(name, "venv"))
        for title, folder, collection in (
            ("one polluter among 200 tests", "quick", 0),
            (f"the same where collection takes {_COLLECTION_SECONDS} s", "slow", _COLLECTION_SECONDS),
        ):
            suite = Suite(Path(name, folder), python)
            suite.write(pollutes="True", collection=collection)
            compare(title, rounds, suite.ours, suite.theirs)
        suite = Suite(Path(name, "chance"), python)
        suite.write(pollutes="random.random() < 0.3")
        reliability(suite, repetitions)


if __name__ == "__main__":
    main()
