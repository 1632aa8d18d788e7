"""Known flakes under other tools that provoke failures: `python -m benchmarks.amplify_peers [NAME…]`.

Each flake gets `--seconds` from each: run again and again; run under the four loads that Shaker uses (stress-ng); run
under rr's chaos mode; `flakeproof amplify`. A tool that is not here, or cannot work here, is left out with the reason.
docs/amplify-peers.md tells what is compared and where the numbers of the loads are from.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.planted.amplifiable import CASES, Side

from benchmarks.amplify import chosen, search, times, written
from benchmarks.amplify_judging import judge
from benchmarks.planted import print_head, print_row
from flakeproof.stats.intervals import clopper_pearson
from flakeproof.text import parse_size, rate

_RUN_LIMIT = 60.0
"""Seconds for one run."""
_LEAD = 2.0
"""Seconds for which a load runs before the tests, as in Shaker."""
_PATIENCE = 120.0
"""Seconds beyond the budget for our own search."""


@dataclass(frozen=True)
class Load:
    """Workers of stress-ng."""

    cpus: int
    cpu_load: int
    """Per cent of a processor, for each."""
    memories: int
    memory: int
    """Per cent of what is available, for all of these."""


SHAKER = (Load(2, 2, 1, 21), Load(1, 58, 1, 33), Load(1, 61, 1, 73), Load(1, 34, 1, 37))
"""Silva, Teixeira and d'Amorim, "Shake It!", ICSME 2020; as in the tool's own table of configurations."""


@dataclass
class Tally:
    """Runs under one tool."""

    runs: int = 0
    failures: int = 0
    seconds: float = 0.0

    def __str__(self) -> str:
        """The rate with its interval, and how many failures that makes in a minute."""
        if not self.runs:
            return "no run"
        within = clopper_pearson(self.failures, self.runs, 0.95)
        return (
            f"{self.failures}/{self.runs} = {rate(self.failures / self.runs)} ({rate(within.low)} to "
            f"{rate(within.high)}), {60 * self.failures / self.seconds:.1f} a minute"
        )


def once(side: Side) -> tuple[str, ...]:
    """What runs a project's tests once, or its program; empty for a function, which other tools cannot run."""
    if side.words[0] == "--":
        return side.words[1:]
    if any(":" in word.replace("::", "") for word in side.words):
        return ()
    return (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *side.words)


def repeat(words: Sequence[str], project: Path, seconds: float, tally: Tally) -> None:
    """Run it for so long, once at least."""
    start = time.perf_counter()
    while not tally.runs or time.perf_counter() - start < seconds:
        done = subprocess.run(
            words,
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_RUN_LIMIT,
            check=False,
        )
        tally.runs += 1
        tally.failures += done.returncode != 0
    tally.seconds += time.perf_counter() - start


@contextmanager
def under(load: Load, memory: int | None) -> Iterator[None]:
    """While it lasts stress-ng makes that load; all of it ends, whatever happens. `memory` stands for all there is."""
    room = f"{load.memory}%" if memory is None else str(memory * load.memory // 100)
    words = ["stress-ng", "--cpu", str(load.cpus), "--cpu-load", str(load.cpu_load)]
    words += ["--vm", str(load.memories), "--vm-bytes", room]
    beside = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(_LEAD)
        if beside.poll() is not None:
            sys.exit(f"{' '.join(words)} has ended with {beside.returncode}")
        yield
    finally:
        # It ends its workers on SIGINT; killed, it would leave them behind.
        beside.send_signal(signal.SIGINT)
        beside.wait(timeout=30)


def plainly(side: Side, seconds: float) -> Tally:
    """Again and again."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        repeat(once(side), side.copy(Path(folder)), seconds, tally)
    return tally


def shaken(side: Side, seconds: float, memory: int | None) -> Tally:
    """A quarter of the time under each load; what a load needs to start is part of it."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        project = side.copy(Path(folder))
        for load in SHAKER:
            with under(load, memory):
                repeat(once(side), project, seconds / len(SHAKER) - _LEAD, tally)
    return tally


def in_chaos(side: Side, seconds: float) -> Tally:
    """Recorded by rr in chaos mode."""
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        words = ("rr", "record", "--chaos", "--output-trace-dir", str(Path(folder, "trace")), *once(side))
        project = side.copy(Path(folder))
        start = time.perf_counter()
        while not tally.runs or time.perf_counter() - start < seconds:
            repeat(words, project, 0.0, one := Tally())
            shutil.rmtree(Path(folder, "trace"), ignore_errors=True)
            tally.runs, tally.failures = tally.runs + 1, tally.failures + one.failures
        tally.seconds = time.perf_counter() - start
    return tally


def no_stress() -> str:
    """Why stress-ng cannot be used; empty if it can."""
    return "" if shutil.which("stress-ng") else "stress-ng is not installed"


def no_chaos() -> str:
    """Why rr cannot be used, in its own words; empty if it can."""
    if not shutil.which("rr"):
        return "rr is not installed"
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "rr",
            "record",
            "--chaos",
            "--output-trace-dir",
            str(Path(folder, "trace")),
            shutil.which("true") or "",
        ]
        done = subprocess.run(words, capture_output=True, text=True, timeout=_RUN_LIMIT, check=False)
    return "" if done.returncode == 0 else (done.stderr.strip() or f"rr ended with {done.returncode}").splitlines()[0]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=float, default=120.0, help="for each flake and tool [120]")
    parser.add_argument("--memory", type=parse_size, metavar="SIZE", help="take this for all memory there is")
    arguments = parser.parse_args()
    seconds: float = arguments.seconds
    if seconds / len(SHAKER) <= _LEAD:
        sys.exit(f"--seconds {seconds:g} leaves none for the tests: each load takes {_LEAD:g} s to start")
    cases = [each for each in list(chosen(arguments.names)) or CASES if once(each.flaky)]
    stress, chaos = no_stress(), no_chaos()
    for reason in filter(None, (stress, chaos)):
        print(f"left out: {reason}\n")
    print_head("plant", "run again", "Shaker's loads", "rr chaos", "amplify: as it is", "found", "with it", "times")
    for each in cases:
        cells = [each.name, str(plainly(each.flaky, seconds))]
        cells.append("-" if stress else str(shaken(each.flaky, seconds, arguments.memory)))
        cells.append("-" if chaos else str(in_chaos(each.flaky, seconds)))
        done = search(each.flaky, each.held, f"{seconds:g}s", seconds + _PATIENCE, None)
        best = done.found.best if done.found else None
        cells += [written(done.found.plain) if done.found else "-", done.said]
        cells += [written(best.rate) if best else "-", times(judge(done.found, each.drivers)) if done.found else "-"]
        print_row(*cells)


if __name__ == "__main__":
    main()
