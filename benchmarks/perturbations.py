"""What perturbations cost that change nothing: tests per second with each, as a ratio to none. Takes the ROUNDS.

`--delay` with a probability of zero at one function that each test calls; `--race` gives way all the same, so that its
ratio is what it does, and not what it costs to be there. All CPUs, and all of one, are what a test has anyway. For
other Pythons: FLAKEPROOF_PYTHON=PATH.
"""

import os
import statistics
import sys
from collections.abc import Sequence
from functools import partial

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

FUNCTION = ("tcprtt", "-w", "20", "-c", "10000")
FUNCTION_CASES = [
    ("delay, p=0", ("--delay", "tcprtt.py:*:1ms@p=0"), 0.95),
    ("clock +1d", ("--clock", "+1d"), 0.98),
    ("gc 700", ("--gc", "700"), 0.98),
    ("race", ("--race",), 0.9),
    ("all cpus", ("--cpus", str(len(os.sched_getaffinity(0)))), 0.98),
    ("quota 100%", ("--cpu-quota", "100%"), 0.98),
    ("nice 0", ("--nice", "0"), 0.98),
]
COMMAND = ("-w", "2", "-c", "2000")
PROGRAM = ("true",)
COMMAND_CASES = [
    ("freeze, p=0", ("--freeze", "1ms..50ms@p=0"), 0.98),
    ("all cpus", ("--cpus", str(len(os.sched_getaffinity(0)))), 0.98),
    ("quota 100%", ("--cpu-quota", "100%"), 0.98),
]


def measured(run: tuple[str, ...], program: tuple[str, ...], options: tuple[str, ...]) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof(*run, *options, command=program)
    return float(summary["trials_per_second"])


def compare(
    rounds: int, run: tuple[str, ...], program: tuple[str, ...], cases: Sequence[tuple[str, tuple[str, ...], float]]
) -> None:
    """Measure one target with each of the cases, and print."""
    rated = partial(measured, run, program)
    plain, *perturbed = in_turns(rounds, partial(rated, ()), *(partial(rated, case[1]) for case in cases))
    print(f"{' '.join((*run, *program))}, none: {statistics.median(plain):,.0f} tests/s")
    for (title, _, bar), rates in zip(cases, perturbed, strict=True):
        ratio, least, greatest = paired_ratio(rates, plain)
        print(f"{title:12}{ratio:>6.2f} ({least:.2f} to {greatest:.2f})  bar {bar}", flush=True)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    compare(rounds, FUNCTION, (), FUNCTION_CASES)
    compare(rounds, COMMAND, PROGRAM, COMMAND_CASES)


if __name__ == "__main__":
    main()
