"""How often is the commit right, and after how many tests? `python -m benchmarks.onset [--times N] [--error P]`.

Simulated histories: who is right, the mean number of tests, that over the entropy bound (no policy can do with less
where both rates are known: log2 of the commits over the capacity of a test), and what the answers said of themselves.
With git_bayesect importable (PyPI; `pip install --no-deps git_bayesect`) its policy runs beside, on its own problem: a
line of commits, one test at a time, a change that is certain.
"""

import argparse
import importlib
import math
import random
import time
from collections.abc import Sequence

from tests.quality.bisections import Bisected, World, bisect, entropy_bound

WORLDS = {
    "line, 0 to 5 %": World(200, 0.0, 0.05, ready=20.0),
    "line, 1 to 20 %": World(200, 0.01, 0.2, ready=20.0),
    "line, 5 to 50 %": World(200, 0.05, 0.5, ready=20.0),
    "line, 5 to 50 %, drift": World(200, 0.05, 0.5, drift=0.3, ready=20.0),
    "merges, 1 to 20 %, 10 % skips": World(200, 0.01, 0.2, merges=0.2, skips=0.1, ready=20.0),
    "nothing changed, 10 %": World(200, 0.1, 0.1, changes=False, ready=20.0),
}
"""A commit that has to be made ready costs as much as 20 tests, as in a suite that starts in a second or two."""
OF_PEER = {
    "line, 0 to 20 %": World(100, 0.0, 0.2),
    "line, 1 to 20 %": World(100, 0.01, 0.2),
    "line, 5 to 50 %": World(100, 0.05, 0.5),
}


def main() -> None:
    """Print a row for each world."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--error", type=float, default=0.05)
    parser.add_argument("--only", default="", help="part of the names of the worlds")
    given = parser.parse_args()
    print(f"{'world':<32}{'right':>12}{'said':>8}{'tests':>9}{'/ bound':>9}{'visits':>8}{'s each':>8}")
    for name, world in WORLDS.items():
        if given.only in name:
            started = time.monotonic()
            found = [bisect(world, seed, given.error) for seed in range(given.times)]
            print(_row(name, found, entropy_bound(world), time.monotonic() - started), flush=True)
    _beside(given.times, given.error, given.only)


def _row(name: str, found: Sequence[Bisected], bound: float, seconds: float) -> str:
    times = len(found)
    right = sum(one.right for one in found)
    said, trials = sum(one.said for one in found) / times, sum(one.trials for one in found) / times
    visits = sum(one.visits for one in found) / times
    share = f"{trials / bound:9.2f}" if math.isfinite(bound) else f"{'':>9}"
    return f"{name:<32}{f'{right}/{times}':>12}{said:8.3f}{trials:9.1f}{share}{visits:8.1f}{seconds / times:8.2f}"


def _beside(times: int, error: float, only: str) -> None:
    """Our policy and git_bayesect's on the same histories."""
    try:
        bisector = importlib.import_module("git_bayesect").Bisector
    except ImportError:
        print("git_bayesect is not installed: pip install --no-deps git_bayesect")
        return
    numpy = importlib.import_module("numpy")
    print(
        f"\n{'one test at a time, certain':<32}{'ours right':>12}{'tests':>8}{'peer right':>12}{'tests':>8}{'ratio':>7}"
    )
    for name, world in OF_PEER.items():
        if only not in name:
            continue
        ours = [bisect(world, seed, error, certain=True) for seed in range(times)]
        theirs = []
        for seed in range(times):
            draws = random.Random(seed)
            culprit = draws.randrange(world.commits)
            # Its first place is the newest commit, its last one the good end.
            policy = bisector(numpy.ones(world.commits + 1))
            trials = 0
            while policy.distribution.max() < 1 - error:
                place = policy.select()
                rate = world.since if world.commits - 1 - place >= culprit else world.before
                policy.record(place, draws.random() < rate)
                trials += 1
            right = world.commits - 1 - int(policy.distribution.argmax()) == culprit
            theirs.append(Bisected(right, float(policy.distribution.max()), trials, trials))
        mean, other = (sum(one.trials for one in found) / times for found in (ours, theirs))
        print(
            f"{name:<32}{sum(one.right for one in ours):>12}{mean:8.1f}"
            f"{sum(one.right for one in theirs):>12}{other:8.1f}{mean / other:7.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
