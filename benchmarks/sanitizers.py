"""What the sanitizers cost: tests per second of `tcprtt` with each, as a ratio to none. Takes the number of ROUNDS."""

import statistics
import sys
from functools import partial

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

CASES = [
    ("as it is, 4 at once", ("tcprtt", "-c", "4000")),
    ("20 at once", ("tcprtt", "-w", "20", "-c", "10000")),
    ("50 at once, settle 0ms", ("tcprtt", "-w", "50", "--settle", "0ms", "-c", "20000")),
    ("20 at once, threads", ("tcprtt", "--set", "io=threads", "-w", "20", "-c", "6000")),
]
WATCHED = ("none", "descriptors", "leaks", "all")


def measured(arguments: tuple[str, ...], names: str) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof(*arguments, "--sanitize", names)
    return float(summary["trials_per_second"])


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'':24}{'none':>10}" + "".join(f"{name:>26}" for name in WATCHED[1:]) + "  (bar for all: 0.5)")
    for title, arguments in CASES:
        plain, *watched = in_turns(rounds, *(partial(measured, arguments, names) for names in WATCHED))
        row = f"{title:24}{statistics.median(plain):>8,.0f}/s"
        for rates in watched:
            ratio, least, greatest = paired_ratio(rates, plain)
            row += f"{ratio:>12.2f} ({least:.2f} to {greatest:.2f})"
        print(row, flush=True)


if __name__ == "__main__":
    main()
