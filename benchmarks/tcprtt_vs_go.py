"""Trials per second of the scenario `tcprtt`, against the same trial in Go. Usage: tcprtt_vs_go.py [ROUNDS]"""

import statistics
import sys

from benchmarks.measuring import go_program, in_turns, paired_ratio, run_flakeproof, run_go

CASES = [(50, "5ms", 20_000, 1.0), (20, "5ms", 10_000, 1.0), (50, "0ms", 40_000, 1.0)]
LOOP = "flakeproof.net.edge_loop:new_event_loop"


def ours(workers: int, settle: str, count: int) -> float:
    """Trials per second of flakeproof."""
    summary, _ = run_flakeproof("tcprtt", "-c", str(count), "-w", str(workers), "--settle", settle)
    return float(summary["trials_per_second"])


def sleeping(workers: int, count: int) -> float:
    """Trials per second when the workers merely sleep 5 ms."""
    summary, _ = run_flakeproof("benchmarks.targets:sleep_5ms", "-c", str(count), "-w", str(workers), "--loop", LOOP)
    return float(summary["trials_per_second"])


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    print(f"{'workers':>8}{'settle':>8}{'flakeproof':>12}{'Go':>10}{'ratio':>8}  (rounds: least to greatest; bar)")
    with go_program() as binary:
        for workers, settle, count, bar in CASES:
            mine, theirs = in_turns(
                rounds,
                lambda w=workers, s=settle, c=count: ours(w, s, c),  # type: ignore[misc]
                lambda w=workers, s=settle, c=count: run_go(binary, c, w, s)[0],  # type: ignore[misc]
            )
            ratio, least, greatest = paired_ratio(mine, theirs)
            print(
                f"{workers:>8}{settle:>8}{statistics.median(mine):>10,.0f}/s{statistics.median(theirs):>8,.0f}/s"
                f"{ratio:>8.2f}  ({least:.2f} to {greatest:.2f}; {bar})",
                flush=True,
            )
    mine, theirs = in_turns(rounds, lambda: ours(20, "5ms", 10_000), lambda: sleeping(20, 10_000))
    ratio, least, greatest = paired_ratio(mine, theirs)
    print(
        f"20 workers at 5ms against 20 workers that merely sleep 5 ms: {statistics.median(mine):,.0f}/s of "
        f"{statistics.median(theirs):,.0f}/s, {ratio:.0%} ({least:.0%} to {greatest:.0%}; bar 85%)"
    )


if __name__ == "__main__":
    main()
