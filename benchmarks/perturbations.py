"""What perturbations cost that change nothing: tests per second with each, as a ratio to none. Takes the ROUNDS.

`--delay` with a probability of zero at one function that each test calls; `--race` gives way all the same, so that its
ratio is what it does, and not what it costs to be there. For other Pythons: FLAKEPROOF_PYTHON=PATH.
"""

import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

MANY = ("tcprtt", "-w", "20", "-c", "10000")
ALONE = ("tcprtt", "-w", "2", "--processes", "2", "-c", "1000")
"""One test at a time in a process, as some perturbations need it."""
TESTS = ("test_it.py", "-w", "1", "-c", "2000", "--isolation", "shared")
"""Ten tests that do nothing, passed over again and again."""
COMMAND = ("-w", "2", "-c", "1000")
"""A shell that does nothing."""
CASES = [
    (MANY, "delay, p=0", ("--delay", "tcprtt.py:*:1ms@p=0"), 0.95),
    (MANY, "clock +1d", ("--clock", "+1d"), 0.98),
    (MANY, "clock x1.01", ("--clock", "x1.01"), 0.98),
    (MANY, "gc 700", ("--gc", "700"), 0.98),
    (MANY, "race", ("--race",), 0.9),
    (MANY, "hash seed", ("--hash-seed", "random"), 0.98),
    (MANY, "time zone", ("--timezone", "Asia/Kathmandu"), 0.98),
    (MANY, "locale", ("--locale", "C.UTF-8"), 0.98),
    (MANY, "network", ("--network", "none"), 0.98),
    (ALONE, "time zones", ("--timezone", "random"), 0.98),
    (ALONE, "random seed", ("--random-seed", "each"), 0.98),
    (TESTS, "reverse", ("--reverse",), 0.98),
    (TESTS, "random seed", ("--random-seed", "each"), 0.98),
    (COMMAND, "time zones", ("--timezone", "random"), 0.98),
    (COMMAND, "locales", ("--locale", "random"), 0.98),
    (COMMAND, "network", ("--network", "none"), 0.98),
]
TITLES = {MANY: "20 at once", ALONE: "one at a time", TESTS: "pytest", COMMAND: "command"}


def measured(words: tuple[str, ...], options: tuple[str, ...], project: Path) -> float:
    """Tests per second."""
    command = ("sh", "-c", ":") if words == COMMAND else ()
    summary, _ = run_flakeproof(*words, *options, command=command, project=project)
    return float(summary["trials_per_second"])


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        lines = (f"def test_{number}(): pass" for number in range(10))
        Path(folder, "test_it.py").write_text("\n".join(lines))
        for words, title in TITLES.items():
            cases = [case for case in CASES if case[0] == words]
            runs = [(), *(options for _, _, options, _ in cases)]
            plain, *perturbed = in_turns(rounds, *(partial(measured, words, run, Path(folder)) for run in runs))
            print(f"{title}, none: {statistics.median(plain):,.0f} tests/s")
            for (_, name, _, bar), rates in zip(cases, perturbed, strict=True):
                ratio, least, greatest = paired_ratio(rates, plain)
                print(f"  {name:12}{ratio:>6.2f} ({least:.2f} to {greatest:.2f})  bar {bar}", flush=True)


if __name__ == "__main__":
    main()
