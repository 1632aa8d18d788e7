"""What the engine costs per trial, with a target that does nothing. Usage: engine_cost.py [ROUNDS]"""

import statistics
import sys
import timeit

from benchmarks.measuring import run_flakeproof
from benchmarks.targets import nothing

COUNT = 3_000_000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    for processes in (1, 2):
        costs: list[float] = []
        for _ in range(rounds):
            summary, _ = run_flakeproof(
                "benchmarks.targets:nothing", "-c", str(COUNT), "-w", str(processes), "--processes", str(processes)
            )
            costs.append(1e6 * processes * summary["elapsed"] / summary["total"])
        call = min(timeit.repeat(nothing, number=1_000_000, repeat=5))
        print(
            f"{processes} process{'es' if processes > 1 else ''}: "
            f"{statistics.median(costs):.2f} us per trial and process "
            f"({min(costs):.2f} to {max(costs):.2f}; bar 1), of which the call itself {call:.2f} us"
        )


if __name__ == "__main__":
    main()
