"""What perturbations cost that change nothing: tests per second with each, as a ratio to none. Takes the ROUNDS.

`--delay` with a probability of zero at one function that each test calls; `--race` gives way all the same, so that its
ratio is what it does, and not what it costs to be there. All CPUs, and all of one, are what a test has anyway. For
other Pythons: FLAKEPROOF_PYTHON=PATH.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.measuring import HERE, in_turns, paired_ratio, run_flakeproof

FUNCTION = ("tcprtt", "-w", "20", "-c", "10000")
FUNCTION_CASES = [
    ("delay, p=0", ("--delay", "tcprtt.py:*:1ms@p=0"), 0.95),
    ("clock +1d", ("--clock", "+1d"), 0.98),
    ("clock x1.01", ("--clock", "x1.01"), 0.98),
    ("gc 700", ("--gc", "700"), 0.98),
    ("race", ("--race",), 0.9),
    ("all cpus", ("--cpus", str(len(os.sched_getaffinity(0)))), 0.98),
    ("quota 100%", ("--cpu-quota", "100%"), 0.98),
    ("nice 0", ("--nice", "0"), 0.98),
    ("hash seed", ("--hash-seed", "random"), 0.98),
    ("time zone", ("--timezone", "Asia/Kathmandu"), 0.98),
    ("locale", ("--locale", "C.UTF-8"), 0.98),
    ("network", ("--network", "none"), 0.98),
]
ALONE = ("tcprtt", "-w", "2", "--processes", "2", "-c", "1000")
"""One test at a time in a process, as some perturbations need it."""
ALONE_CASES = [
    ("time zones", ("--timezone", "random"), 0.98),
    ("random seed", ("--random-seed", "each"), 0.98),
]
TESTS = ("test_it.py", "-w", "1", "-c", "2000", "--isolation", "shared")
"""Ten tests that do nothing, passed over again and again."""
TEST_CASES = [
    ("reverse", ("--reverse",), 0.98),
    ("random seed", ("--random-seed", "each"), 0.98),
]
COMMAND = ("-w", "2", "-c", "2000")
PROGRAM = ("true",)
COMMAND_CASES = [
    ("freeze, p=0", ("--freeze", "1ms..50ms@p=0"), 0.98),
    ("all cpus", ("--cpus", str(len(os.sched_getaffinity(0)))), 0.98),
    ("quota 100%", ("--cpu-quota", "100%"), 0.98),
    ("time zones", ("--timezone", "random"), 0.98),
    ("locales", ("--locale", "random"), 0.98),
    ("network", ("--network", "none"), 0.98),
]


def measured(run: tuple[str, ...], program: tuple[str, ...], project: Path, options: tuple[str, ...]) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof(*run, *options, command=program, project=project)
    return float(summary["trials_per_second"])


def compare(
    rounds: int,
    run: tuple[str, ...],
    program: tuple[str, ...],
    cases: Sequence[tuple[str, tuple[str, ...], float]],
    project: Path = HERE.parent,
) -> None:
    """Measure one target of the project with each of the cases, and print."""
    rated = partial(measured, run, program, project)
    plain, *perturbed = in_turns(rounds, partial(rated, ()), *(partial(rated, case[1]) for case in cases))
    print(f"{' '.join((*run, *program))}, none: {statistics.median(plain):,.0f} tests/s")
    for (title, _, bar), rates in zip(cases, perturbed, strict=True):
        ratio, least, greatest = paired_ratio(rates, plain)
        print(f"{title:12}{ratio:>6.2f} ({least:.2f} to {greatest:.2f})  bar {bar}", flush=True)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compare(rounds, FUNCTION, (), FUNCTION_CASES)
    compare(rounds, ALONE, (), ALONE_CASES)
    with tempfile.TemporaryDirectory() as folder:
        tests = (f"def test_{number}(): pass" for number in range(10))
        Path(folder, "test_it.py").write_text("\n".join(tests))
        compare(rounds, TESTS, (), TEST_CASES, Path(folder))
    compare(rounds, COMMAND, PROGRAM, COMMAND_CASES)


if __name__ == "__main__":
    main()
