"""The preset `parallel` (250,000 trials) from start to exit, against the Go peer. Usage: parallel_vs_go.py [ROUNDS]"""

import sys

from benchmarks.measuring import go_program, in_turns, paired_ratio, run_flakeproof, run_go

COUNT = 250_000


def ours() -> float:
    """Seconds of flakeproof."""
    summary, seconds = run_flakeproof("tcprtt", "--preset", "parallel")
    if summary["failed"] or summary["total"] != COUNT:
        sys.exit(f"not a clean run: {summary['outcomes']}")
    return seconds


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    with go_program() as binary:
        mine, theirs = in_turns(rounds, ours, lambda: run_go(binary, COUNT, 50, "5ms")[1])
    ratio, least, greatest = paired_ratio(theirs, mine)
    print(
        f"{COUNT:,} trials from start to exit, best of {rounds}: "
        f"flakeproof {min(mine):.1f} s, Go {min(theirs):.1f} s; "
        f"flakeproof is {ratio:.2f} x as fast ({least:.2f} to {greatest:.2f}; bar 1.0)"
    )


if __name__ == "__main__":
    main()
