"""Runs of every kind, each hit by random signals, and what is wrong afterwards; exit status 1 if anything is.

Usage: chaos.py [--runs N] [--seed N] [--jobs N] [--only INDEX] [--keep FOLDER]
"""

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from benchmarks.chaos_run import KINDS, Result, can_mount, one_run
from flakeproof_worker.perturb import faketime


def campaign(seed: int, runs: Iterable[int], jobs: int, folder: Path) -> list[Result]:
    """The results of these runs, in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        waiting = [pool.submit(one_run, seed, index, folder) for index in runs]
        results = []
        for done in as_completed(waiting):
            result = done.result()
            results.append(result)
            for problem in result.wrong:
                print(f"run {result.index} ({result.kind}): {problem}", file=sys.stderr, flush=True)
    return sorted(results, key=lambda result: result.index)


def tables(results: list[Result]) -> None:
    """Print what was run, what hit it, and what was wrong."""
    rows = []
    for kind in KINDS:
        own = [result for result in results if result.kind == kind]
        hits = sum(len(result.hits) for result in own)
        trials = sum(result.trials for result in own)
        rows.append((kind, str(len(own)), str(hits), str(trials), str(sum(bool(result.wrong) for result in own))))
    _print(("kind", "runs", "signals", "trials begun", "runs with something wrong"), *rows)
    whom = Counter((hit.number.name, hit.whom) for result in results for hit in result.hits)
    names = sorted({name for name, _ in whom})
    places = ("coordinator", "worker", "trial")
    _print(("signal", *places), *((name, *(str(whom[name, place]) for place in places)) for name in names))
    wrong = Counter(re.split(r"[:\d]", problem)[0].strip() for result in results for problem in result.wrong)
    _print(("wrong", "times"), *((name, str(count)) for name, count in wrong.most_common() or [("nothing", 0)]))
    around = Counter(name for result in results for name in result.surroundings)
    print(f"With a full disk: {around['full disk']} runs; with a clock that jumps: {around['jumping clock']}")


def _print(*rows: Sequence[str]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]))
    print()


def main() -> None:
    """Run the campaign and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, help="the run with this number alone")
    parser.add_argument("--first", type=int, default=0, help="number of the first run")
    parser.add_argument("--keep", type=Path, help="folder in which the projects of runs with something wrong stay")
    asked = parser.parse_args()
    indexes = [asked.only] if asked.only is not None else range(asked.first, asked.first + asked.runs)
    if not can_mount():
        print("not tried: a disk that fills up (a mount of our own is not permitted here)")
    if faketime.library() is None:
        print("not tried: a clock that jumps (libfaketime is not installed)")
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        results = campaign(asked.seed, indexes, asked.jobs, (asked.keep or Path(folder)).absolute())
    tables(results)
    print(
        f"{len(results)} runs, seed {asked.seed}: {sum(bool(result.wrong) for result in results)} with something wrong"
    )
    sys.exit(any(result.wrong for result in results))


if __name__ == "__main__":
    main()
