"""How often the search of `flakeproof amplify` is right in simulated targets.

Usage: amplify_errors.py [NOTHING [SOMETHING]]: so many searches in each world in which nothing matters, and in each in
which something does.
"""

import itertools
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from tests.quality.flaky_world import NOTHING, SOMETHING, Judged, World, judge, searched

CELLS = [(60.0, 0.001), (60.0, 0.02), (300.0, 0.02), (300.0, 0.3)]
"""Seconds of the budget, and of a trial."""
FACTORS = (10, 14)
"""In turns."""


def one(case: tuple[World, float, float, int]) -> Judged:
    """A search, judged."""
    world, budget, trial, seed = case
    world = replace(world, trial=trial)
    return judge(world, searched(world, budget, seed, FACTORS[seed % 2]))


def share(done: Sequence[Judged], right: Callable[[Judged], bool]) -> str:
    """Of the searches."""
    return f"{sum(map(right, done)) / len(done):.1%}"


def row(world: World, done: Sequence[Judged]) -> list[str]:
    """What is shown of the searches in one world."""
    if not (world.times or world.together):
        return [share(done, lambda each: each.claimed), "", "", ""]
    wrong = share(done, lambda each: each.wrongly or each.wrong_pair)
    paired = share(done, lambda each: each.paired) if world.together or len(world.times) > 1 else ""
    return [wrong, share(done, lambda each: each.named), share(done, lambda each: each.strong), paired]


def main() -> None:
    """Search and print."""
    counts = [int(one) for one in sys.argv[1:3]]
    nothing = counts[0] if counts else 200
    something = counts[1] if len(counts) > 1 else nothing
    print(f"With {FACTORS[0]} and {FACTORS[1]} factors in turns\n")
    print(
        "| truth | searches | budget, trial | wrong claim | all levels named | found, 10 times the rate | pair named |"
    )
    print("|---|---|---|---|---|---|---|")
    with ProcessPoolExecutor() as pool:
        for worlds, searches in ((NOTHING, nothing), (SOMETHING, something)):
            for (name, world), (budget, trial) in itertools.product(worlds.items(), CELLS):
                cases = [(world, budget, trial, seed) for seed in range(searches)]
                cells = " | ".join(row(world, list(pool.map(one, cases, chunksize=5))))
                print(f"| {name} | {searches} | {budget:g} s, {1000 * trial:g} ms | {cells} |", flush=True)


if __name__ == "__main__":
    main()
