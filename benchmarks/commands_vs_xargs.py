"""Starts of the command `true` per second, 8 at once, against xargs and Go. Usage: commands_vs_xargs.py [ROUNDS]"""

import json
import statistics
import subprocess
import sys
import time

from benchmarks.measuring import go_program, in_turns, paired_ratio, run_flakeproof

COUNT = 5_000
WORKERS = 8


def ours() -> float:
    """Runs per second of flakeproof."""
    summary, _ = run_flakeproof("-c", str(COUNT), "-w", str(WORKERS), command=["true"])
    return float(summary["trials_per_second"])


def xargs() -> float:
    """Runs per second of xargs, which keeps no count of failures and no output."""
    numbers = "\n".join(map(str, range(COUNT))).encode()
    start = time.perf_counter()
    subprocess.run(["xargs", f"-P{WORKERS}", "-n1", "true"], input=numbers, check=True)
    return COUNT / (time.perf_counter() - start)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with go_program("go-stress") as binary:

        def go() -> float:
            command = [str(binary), "-count", str(COUNT), "-p", str(WORKERS), "true"]
            return float(json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["rate"])

        mine, *others = in_turns(rounds, ours, xargs, go)
    for name, theirs in zip(("xargs -P8", "Go's stress -p 8"), others, strict=True):
        ratio, least, greatest = paired_ratio(mine, theirs)
        print(
            f"true, {WORKERS} at once: {statistics.median(mine):,.0f}/s, {name}: {statistics.median(theirs):,.0f}/s, "
            f"ratio {ratio:.2f} ({least:.2f} to {greatest:.2f}; bar 0.9)"
        )


if __name__ == "__main__":
    main()
