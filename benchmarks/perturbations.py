"""What perturbations cost that change nothing: tests per second with each, as a ratio to none. Takes the ROUNDS.

`--delay` with a probability of zero at one function that each test calls; `--race` gives way all the same, so that its
ratio is what it does, and not what it costs to be there. For other Pythons: FLAKEPROOF_PYTHON=PATH.
"""

import statistics
import sys
from functools import partial

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

RUN = ("tcprtt", "-w", "20", "-c", "10000")
CASES = [
    ("delay, p=0", ("--delay", "tcprtt.py:*:1ms@p=0"), 0.95),
    ("clock +1d", ("--clock", "+1d"), 0.98),
    ("gc 700", ("--gc", "700"), 0.98),
    ("race", ("--race",), 0.9),
]


def measured(options: tuple[str, ...]) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof(*RUN, *options)
    return float(summary["trials_per_second"])


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    plain, *perturbed = in_turns(rounds, partial(measured, ()), *(partial(measured, case[1]) for case in CASES))
    print(f"none: {statistics.median(plain):,.0f} tests/s")
    for (title, _, bar), rates in zip(CASES, perturbed, strict=True):
        ratio, least, greatest = paired_ratio(rates, plain)
        print(f"{title:12}{ratio:>6.2f} ({least:.2f} to {greatest:.2f})  bar {bar}", flush=True)


if __name__ == "__main__":
    main()
