"""Are the causes of known flakes named? `python -m benchmarks.planted [NAME…]`: all plants in Python, or some.

For each plant its failure rate in its plain settings, and what `flakeproof diagnose` says of it and of its fixed twin.
`--rates` measures the rates alone. `--peers` asks other tools instead (the network is needed once); `--twins` asks
them about the twins, too, `--environment DIR` keeps their environment.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.planted.catalogue import PLANTS, Plant, plant

from benchmarks.measuring import run_flakeproof
from benchmarks.planted_judging import Answer, Judgement, claims_of, judge
from benchmarks.planted_peers import BUDGET, PEERS, Peer, Peers, Refusal

LEAST_TRIALS = 400
DIAGNOSIS_TIMEOUT = 900.0
"""Seconds."""
_FAILED, _NOTHING, _UNKNOWN = 1, 0, 4


def rate(each: Plant) -> str:
    """Failures of the flaky project in its plain settings, the rate and its interval."""
    with tempfile.TemporaryDirectory() as folder:
        project = each.copy(each.flaky, Path(folder))
        count = str(max(LEAST_TRIALS, each.trials))
        summary, _ = run_flakeproof(*each.targets, *each.settings, "-c", count, project=project)
    interval = summary["interval"]
    return (
        f"{summary['failed']}/{summary['total']} = {summary['rate']:.2%} "
        f"({interval['low']:.2%} to {interval['high']:.2%})"
    )


def diagnose(each: Plant, side: Path) -> Answer:
    """What `flakeproof diagnose` says of one project. Exits with its message if it cannot answer."""
    with tempfile.TemporaryDirectory() as folder:
        project = each.copy(side, Path(folder))
        words = [sys.executable, "-m", "flakeproof", "diagnose", *each.targets, "--json", "-"]
        start = time.perf_counter()
        done = subprocess.run(
            words,
            cwd=project,
            env={**os.environ, "CI": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DIAGNOSIS_TIMEOUT,
            check=False,
        )
        seconds = time.perf_counter() - start
    if done.returncode not in (_FAILED, _NOTHING, _UNKNOWN):
        sys.exit(f"{' '.join(words)} ended with {done.returncode}:\n{done.stderr}")
    diagnosis = json.loads(done.stdout)
    best = diagnosis["causes"][0]["statement"] if diagnosis["causes"] else "no cause"
    return Answer(claims_of(diagnosis), seconds, f"{diagnosis['verdict']}: {best}")


def print_row(*cells: str) -> None:
    """One row of a Markdown table."""
    print("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |", flush=True)


def print_head(*cells: str) -> None:
    """The first two rows."""
    print_row(*cells)
    print_row(*("---" for _ in cells))


def totals(judgements: Sequence[Judgement]) -> str:
    """How often each was said."""
    counts = Counter(judgements)
    return ", ".join(f"{each} {counts[each]}" for each in Judgement)


def described(answer: Answer) -> str:
    """The claims and their places, or else what was said."""
    if not answer.claims:
        return answer.said
    return "; ".join(
        claim.cause
        + (f" at {claim.place.file}:{claim.place.line or claim.place.function}" if claim.place is not None else "")
        for claim in answer.claims
    )


def rates(plants: Sequence[Plant]) -> None:
    """Print how often each plant fails."""
    print_head("plant", "cause", "how it runs", "failed")
    for each in plants:
        print_row(each.name, each.cause, " ".join(("run", *each.targets, *each.settings)), rate(each))


def ours(plants: Sequence[Plant]) -> None:
    """Print what flakeproof says of each plant and of its twin."""
    judgements, false = [], 0
    print_head("plant", "reproduced", "cause", "named", "said", "time", "twin", "time of twin")
    for each in plants:
        reproduced = rate(each)
        answer, twin = diagnose(each, each.flaky), diagnose(each, each.fixed)
        judgements.append(judge(answer.claims, each))
        false += bool(twin.claims)
        print_row(
            *(each.name, reproduced, each.cause, judgements[-1], described(answer), f"{answer.seconds:.0f} s"),
            *(described(twin) if twin.claims else "no finding", f"{twin.seconds:.0f} s"),
        )
    print(f"\n{len(plants)} plants: {totals(judgements)}; twins with a finding: {false}")


def peers(plants: Sequence[Plant], environment: Path, names: Sequence[str], *, twins: bool) -> None:
    """Print what other tools say."""
    tools = Peers(environment)
    print(f"About {BUDGET:.0f} s for each.\n")
    print_head("plant", "cause", "tool", "named", "said", "time", *(["twin"] if twins else []))
    judgements: dict[str, list[Judgement]] = {name: [] for name in names}
    false = dict.fromkeys(names, 0)
    for each in plants:
        for name in names:
            answer = ask(PEERS[name], tools, each, each.flaky)
            if isinstance(answer, Refusal):
                print_row(each.name, each.cause, name, "-", answer.reason, "-", *(["-"] if twins else []))
                continue
            judgements[name].append(judge(answer.claims, each))
            cells = [each.name, each.cause, name, judgements[name][-1], described(answer), f"{answer.seconds:.0f} s"]
            if twins:
                twin = ask(PEERS[name], tools, each, each.fixed)
                found = isinstance(twin, Answer) and bool(twin.claims)
                false[name] += found
                cells.append(described(twin) if isinstance(twin, Answer) and found else "no finding")
            print_row(*cells)
    print()
    for name in names:
        finding = f"; twins with a finding: {false[name]}" if twins else ""
        print(f"{name}: {totals(judgements[name])}, not asked {len(plants) - len(judgements[name])}{finding}")


def ask(peer: Peer, tools: Peers, each: Plant, side: Path) -> Answer | Refusal:
    """What one tool says of one project, a copy of it."""
    with tempfile.TemporaryDirectory() as folder:
        return peer(tools, each, each.copy(side, Path(folder)))


def chosen(names: Sequence[str]) -> Iterator[Plant]:
    """The plants of these names. Exits with a message for one that there is not."""
    for name in names:
        try:
            yield plant(name)
        except KeyError:
            sys.exit(f"no plant is called {name!r}; there are {', '.join(each.name for each in PLANTS)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rates", action="store_true", help="only how often each fails")
    parser.add_argument("--peers", nargs="?", const=",".join(PEERS), metavar="TOOL,…", help="ask other tools")
    parser.add_argument("--twins", action="store_true", help="ask them about the twins, too")
    parser.add_argument("--environment", type=Path, metavar="DIR", help="keep their environment here")
    arguments = parser.parse_args()
    plants = list(chosen(arguments.names)) or list(PLANTS)
    if arguments.rates:
        rates(plants)
    elif arguments.peers:
        with tempfile.TemporaryDirectory() as folder:
            environment = arguments.environment or Path(folder, "venv")
            peers(plants, environment, arguments.peers.split(","), twins=arguments.twins)
    else:
        ours(plants)


if __name__ == "__main__":
    main()
