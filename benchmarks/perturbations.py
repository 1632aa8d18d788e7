"""What perturbations cost that change nothing: tests per second with each, in turns with none, as a ratio.

`python -m benchmarks.perturbations [PART…] [--rounds N]`; the parts are

- `functions`: `tcprtt`, 20 at once, with perturbations that are in place and without effect (a delay and `--race` that
  always draw no, a clock that is right, a limit that is never reached), and with `--race` as it is;
- `alone`: `tcprtt` one at a time in a process, as some perturbations need it;
- `tests`: ten tests of pytest that do nothing, passed over again and again;
- `commands`: `true`;
- `beside`: code that computes, beside one function that a delay matches, in each Python that is found here
  (FLAKEPROOF_PYTHONS: paths, with colons between them): 3.11 has to trace all functions for that, later ones do not.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measuring import HERE, in_turns, paired_ratio, run_flakeproof

_ALL_CPUS = str(len(os.sched_getaffinity(0)))


@dataclass(frozen=True)
class Case:
    """A perturbation."""

    title: str
    options: tuple[str, ...]
    bar: float | None = 0.98


@dataclass(frozen=True)
class Target:
    """What runs, and with what."""

    run: tuple[str, ...]
    cases: tuple[Case, ...]
    program: tuple[str, ...] = ()
    tests: str = ""
    """Content of the file `test_it.py`; "" where the target is no such file."""


_LOOP = ("--loop", "flakeproof.net.edge_loop:new_event_loop")
FUNCTION = Target(
    ("benchmarks.targets_at_rest:tcprtt", "-w", "20", "-c", "10000", "--processes", "1", *_LOOP),
    (
        Case("delay, p=0", ("--delay", "targets_at_rest.py:tcprtt:1ms@p=0"), None),
        Case("race, p=0", ("--race",), 0.9),
        Case("clock +0s", ("--clock", "+0s")),
        Case("gc 1,000,000", ("--gc", "1000000"), None),  # it collects at the end of each test in any case
        Case("max-fds 10,000", ("--max-fds", "10000")),
        Case("ports 28,232", ("--ports", "28232")),
        Case("temp-space 1GiB", ("--temp-space", "1GiB")),
        Case("all cpus", ("--cpus", _ALL_CPUS)),
        Case("quota 100%", ("--cpu-quota", "100%")),
        Case("nice 0", ("--nice", "0")),
        Case("hash seed", ("--hash-seed", "random")),
        Case("time zone", ("--timezone", "Asia/Kathmandu")),
        Case("locale", ("--locale", "C.UTF-8")),
        Case("network none", ("--network", "none")),
    ),
)
RACED = Target(("tcprtt", "-w", "20", "-c", "10000"), (Case("race", ("--race",), 0.9),))
ALONE = Target(
    ("tcprtt", "-w", "2", "--processes", "2", "-c", "1000"),
    (Case("time zones", ("--timezone", "random")), Case("random seed", ("--random-seed", "each"))),
)
TESTS = Target(
    ("test_it.py", "-w", "1", "-c", "2000", "--isolation", "shared"),
    (Case("reverse", ("--reverse",)), Case("random seed", ("--random-seed", "each"))),
    tests="\n".join(f"def test_{number}(): pass" for number in range(10)),
)
COMMAND = Target(
    ("-w", "2", "-c", "2000"),
    (
        Case("freeze, p=0", ("--freeze", "1ms..50ms@p=0")),
        Case("all cpus", ("--cpus", _ALL_CPUS)),
        Case("quota 100%", ("--cpu-quota", "100%")),
        Case("time zones", ("--timezone", "random")),
        Case("locales", ("--locale", "random")),
        Case("network none", ("--network", "none")),
    ),
    program=("true",),
)
PARTS: Mapping[str, Sequence[Target]] = {
    "functions": (FUNCTION, RACED),
    "alone": (ALONE,),
    "tests": (TESTS,),
    "commands": (COMMAND,),
}
BESIDE = "beside"
BUSY = ("benchmarks.targets_at_rest:busy", "-w", "1", "-c", "300")
DELAY = ("--delay", "targets_at_rest.py:chosen:1ms@p=0")
_BESIDE_BAR = 0.95


def measured(target: Target, project: Path, options: Sequence[str]) -> float:
    """Tests per second."""
    summary, _ = run_flakeproof("--best-effort", *target.run, *options, command=target.program, project=project)
    return float(summary["trials_per_second"])


def compare(rounds: int, target: Target) -> None:
    """Measure a target with each of its cases, and print."""
    with tempfile.TemporaryDirectory() as folder:
        project = HERE.parent
        if target.tests:
            project = Path(folder)
            (project / "test_it.py").write_text(target.tests)
        rated = partial(measured, target, project)
        plain, *perturbed = in_turns(
            rounds, partial(rated, ()), *(partial(rated, case.options) for case in target.cases)
        )
    print(f"{' '.join((*target.run, *target.program))}, none: {statistics.median(plain):,.0f} tests/s")
    for case, rates in zip(target.cases, perturbed, strict=True):
        show(case.title, paired_ratio(rates, plain), case.bar)


def beside(rounds: int) -> None:
    """Measure other code in each Python, and print."""
    print("code beside the one function that a delay matches:")
    for python in pythons():
        busy = Target((*BUSY, "--python", python), ())
        rated = partial(measured, busy, HERE.parent)
        plain, delayed = in_turns(rounds, partial(rated, ()), partial(rated, DELAY))
        version = subprocess.run([python, "-V"], capture_output=True, text=True, check=True).stdout.strip()
        traced = version.startswith("Python 3.11")
        show(version, paired_ratio(delayed, plain), None if traced else _BESIDE_BAR)


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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)} or {BESIDE} [all]")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each [5]")
    arguments = parser.parse_args()
    known = [*PARTS, BESIDE]
    if unknown := set(arguments.parts) - set(known):
        parser.error(f"{min(unknown)!r} is none of {', '.join(known)}")
    for part in arguments.parts or known:
        for target in PARTS.get(part, ()):
            compare(arguments.rounds, target)
        if part == BESIDE:
            beside(arguments.rounds)


if __name__ == "__main__":
    main()
