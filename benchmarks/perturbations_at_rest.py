"""What perturbations cost that have nothing to do, as ratios to none in turns. Takes the number of ROUNDS.

First `tcprtt`, 20 at once: tests per second with each perturbation, in place and without effect: a delay and `--race`
at probability zero, a clock that is right, a limit that is never reached. Then Python code that computes, beside one
function that a delay matches, in each Python that is found here (FLAKEPROOF_PYTHONS: paths, with colons between them):
3.11 has to trace all functions for that, 3.12 and later do not.
"""

import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.measuring import in_turns, paired_ratio, run_flakeproof

TCPRTT = ("benchmarks.targets_at_rest:tcprtt", "-w", "20", "-c", "10000", "--processes", "1")
LOOP = ("--loop", "flakeproof.net.edge_loop:new_event_loop")
CASES = [
    ("clock +0s", ("--clock", "+0s"), 0.98),
    ("max-fds 10,000", ("--max-fds", "10000"), 0.98),
    ("ports 28,232", ("--ports", "28232"), 0.98),
    ("temp-space 1GiB", ("--temp-space", "1GiB"), 0.98),
    ("gc 1,000,000", ("--gc", "1000000"), None),
    ("race, p=0", ("--race",), 0.9),
    ("delay, p=0", ("--delay", "targets_at_rest.py:tcprtt:1ms@p=0"), None),
]
"""Each with its bar. `--gc` collects at the end of each test, whatever the number is."""
BUSY = ("benchmarks.targets_at_rest:busy", "-w", "1", "-c", "300")
DELAY = ("--delay", "targets_at_rest.py:chosen:1ms@p=0")


def measured(arguments: Sequence[str]) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof("--best-effort", *arguments)
    return float(summary["trials_per_second"])


def pythons() -> list[str]:
    """Interpreters from 3.11 on, one of each version."""
    given = os.environ.get("FLAKEPROOF_PYTHONS")
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    names = [sys.executable, *(path for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}")))]
    names += [str(path) for path in sorted(versions.glob("3.*/bin/python"))]
    found: dict[str, str] = {}
    for name in given.split(":") if given else names:
        version = "import sys; print('%d.%d' % sys.version_info[:2]) if sys.version_info >= (3, 11) else None"
        told = subprocess.run([name, "-c", version], capture_output=True, text=True, check=False).stdout.strip()
        if told and told != "None":
            found.setdefault(told, name)
    return [found[version] for version in sorted(found, key=lambda text: tuple(map(int, text.split("."))))]


def show(title: str, ratio: tuple[float, float, float], bar: float | None) -> None:
    """One line."""
    verdict = f"bar {bar}" if bar is not None else "no bar"
    print(f"{title:24}{ratio[0]:>6.2f} ({ratio[1]:.2f} to {ratio[2]:.2f})  {verdict}", flush=True)


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    target = (*TCPRTT, *LOOP)
    plain, *perturbed = in_turns(
        rounds, partial(measured, target), *(partial(measured, (*target, *case[1])) for case in CASES)
    )
    print(f"tcprtt, none: {statistics.median(plain):,.0f} tests/s")
    for (title, _, bar), rates in zip(CASES, perturbed, strict=True):
        show(title, paired_ratio(rates, plain), bar)
    print("code beside the one function that a delay matches:")
    for python in pythons():
        busy = (*BUSY, "--python", python)
        plain, delayed = in_turns(rounds, partial(measured, busy), partial(measured, (*busy, *DELAY)))
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
        show(version, paired_ratio(delayed, plain), None if version.startswith("Python 3.11") else 0.95)


if __name__ == "__main__":
    main()
