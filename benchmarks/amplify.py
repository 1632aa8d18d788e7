"""How much more often does it fail? `python -m benchmarks.amplify [NAME…]`: all known flakes in Python, or some.

For each what `flakeproof amplify` makes of it within `--budget`, and of its fixed twin. The goal: ten times the plain
rate or above 50 %, on at least three quarters; nothing in a twin. Where no plain test failed, the ratio is to the upper
end of the interval of the plain rate ("at least"). `--seed N` has every search draw the same again.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from tests.planted.amplifiable import CASES, Case, Side, case

from benchmarks.amplify_judging import MOSTLY, TIMES, Judgement, Named, is_false, judge
from benchmarks.planted import print_head, print_row
from flakeproof.features.amplify.records import Amplification, AmplifyFindings, AmplifyRate
from flakeproof.text import rate

_ENDS = (0, 1, 4)
"""Exit statuses with an answer."""
_PATIENCE = 120.0
"""Seconds beyond the budget, after which a search is ended."""
_GOAL = 0.75
"""Of the plants."""


@dataclass(frozen=True)
class Search:
    """What came of one."""

    found: AmplifyFindings | None
    seconds: float
    said: str
    """Options that switch on what was found, or why there is nothing."""


def search(side: Side, held: Sequence[str], budget: str, limit: float, seed: int | None) -> Search:
    """Amplify a copy of one side."""
    with tempfile.TemporaryDirectory() as folder:
        project = side.copy(Path(folder))
        seeded = () if seed is None else ("--seed", str(seed))
        words = [sys.executable, "-m", "flakeproof", "amplify", *held, *seeded, "--budget", budget]
        words += ["--json", "-", "--store", str(Path(folder, "store")), *side.words]
        start = time.perf_counter()
        try:
            done = subprocess.run(
                words,
                cwd=project,
                env={**os.environ, "CI": "true", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Search(None, time.perf_counter() - start, f"not done after {limit:.0f} s")
        seconds = time.perf_counter() - start
    if done.returncode not in _ENDS:
        last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
        return Search(None, seconds, f"ended with {done.returncode}: {last}")
    answer = msgspec.json.decode(done.stdout, type=Amplification)
    if answer.found is None:
        return Search(None, seconds, answer.stopped or "nothing could be said")
    return Search(answer.found, seconds, " ".join(answer.options) or answer.found.reason)


def written(seen: AmplifyRate) -> str:
    """A rate with its interval, and what it comes from."""
    if not seen.trials:
        return "no test"
    return (
        f"{rate(seen.failures / seen.trials)} ({rate(seen.low)} to {rate(seen.high)}; {seen.failures}/{seen.trials:,})"
    )


def times(judgement: Judgement) -> str:
    """A ratio in words."""
    if judgement.ratio is None:
        return "-"
    return f"{'at least ' if judgement.at_least else ''}{judgement.ratio:,.1f}"


def row(each: Case, done: Search, judgement: Judgement | None, twin: Search | None) -> list[str]:
    """The cells of one flake."""
    cells = [each.name, written(done.found.plain) if done.found else "-", done.said]
    best = done.found.best if done.found else None
    cells.append(written(best.rate) if best else "-")
    cells += [times(judgement), f"{judgement.factor or 'nothing'}: {judgement.named}"] if judgement else ["-", "-"]
    cells += ["yes" if judgement and judgement.amplified else "no", f"{done.seconds:.0f} s"]
    if twin is not None:
        said = "found: " if twin.found and is_false(twin.found) else "nothing found" if twin.found else ""
        cells.append(said if said == "nothing found" else f"{said}{twin.said}")
    return cells


def totals(judgements: Sequence[Judgement | None], false: int | None) -> str:
    """The last line."""
    count = len(judgements)
    reached = sum(judgement is not None and judgement.amplified for judgement in judgements)
    named = Counter(judgement.named if judgement else Named.NONE for judgement in judgements)
    said = (
        f"{reached} of {count} at {TIMES:.0f} times the plain rate or above {MOSTLY:.0%} (goal: {_GOAL * count:.0f}); "
        f"driving factor {', '.join(f'{each} {named[each]}' for each in Named)}"
    )
    return said if false is None else f"{said}; twins with a finding: {false}"


def chosen(names: Sequence[str]) -> Iterator[Case]:
    """The flakes of these names. Exits with a message for one that there is not."""
    for name in names:
        try:
            yield case(name)
        except KeyError:
            sys.exit(f"no flake is called {name!r}; there are {', '.join(each.name for each in CASES)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--budget", type=float, default=120.0, metavar="SECONDS", help="for each search [120]")
    parser.add_argument("--no-twins", action="store_true", help="leave out the fixed twins")
    parser.add_argument("--seed", type=int, metavar="N", help="of every search")
    arguments = parser.parse_args()
    cases = list(chosen(arguments.names)) or list(CASES)
    budget, limit = f"{arguments.budget:g}s", arguments.budget + _PATIENCE
    twins = not arguments.no_twins
    judgements: list[Judgement | None] = []
    false = 0
    head = ["plant", "as it is", "found", "with it", "times", "driving factor", "enough", "time"]
    print_head(*head, *(["twin"] if twins else []))
    for each in cases:
        done = search(each.flaky, each.held, budget, limit, arguments.seed)
        judgements.append(judge(done.found, each.drivers) if done.found else None)
        twin = search(each.twin, each.held, budget, limit, arguments.seed) if twins else None
        false += twin is not None and twin.found is not None and is_false(twin.found)
        print_row(*row(each, done, judgements[-1], twin))
    print(f"\n{totals(judgements, false if twins else None)}")


if __name__ == "__main__":
    main()
