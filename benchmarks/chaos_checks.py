"""What has to hold after a run, whatever has hit it: nothing lost, nothing counted twice, nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from benchmarks.chaos_targets import FAILING
from flakeproof.errors import FlakeproofError
from flakeproof.features.compare.recorded_comparison import read_pairs
from flakeproof.results.history import History
from flakeproof.store.log import LOG_NAME, read_events
from flakeproof.store.spec_file import PAIRS_NAME, SPEC_NAME, read_spec

_PATIENCE = 60.0
"""Seconds for what was killed to disappear; nobody waits for longer than it takes, which a busy machine decides."""
_REPORTED = {0, 1, 3, 4, 5, 129, 130, 131, 143}
"""Exit codes of a run that has come to its end, if not to that of its plan."""


def orphans(marker: str) -> list[str]:
    """Processes that have `marker` in their environment and have not gone after a while; they are killed then."""
    end = time.monotonic() + _PATIENCE
    while (found := list(_marked(marker))) and time.monotonic() < end:
        time.sleep(0.05)
    for pid, _ in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return [f"orphan: {name}" for _, name in found]


def _marked(marker: str) -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (
                marker.encode() in (folder / "environ").read_bytes()
                and "\nState:\tZ" not in (folder / "status").read_text()
            ):
                yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def counted(place: Path) -> dict[str, set[int]]:
    """What the trials have written down: by `begun`, `passed` and `failed` their numbers."""
    found: dict[str, set[int]] = {"begun": set(), "passed": set(), "failed": set()}
    for line in place.read_text().splitlines() if place.exists() else ():
        what, trial = line.split()
        found[what].add(int(trial))
    return found


def after_next_start(project: Path, environment: Mapping[str, str]) -> list[str]:
    """Start flakeproof again; what is left then."""
    words = [sys.executable, "-m", "flakeproof", "run", "-c", "1", "--store", "next", "--", "true"]
    done = subprocess.run(
        words, cwd=project, env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    wrong = [] if done.returncode == 0 else [f"next start: exit {done.returncode}: {done.stderr[-300:]}"]
    left = [path.name for path in Path(environment["TMPDIR"]).iterdir() if path.name.startswith("flakeproof-")]
    wrong += [f"folder left: {', '.join(left)}"] if left else []
    if (project / ".git").exists():
        listed = subprocess.run(["git", "worktree", "list"], cwd=project, capture_output=True, text=True, check=True)
        if len(trees := listed.stdout.splitlines()) > 1:
            wrong.append(f"worktree left: {trees[1:]}")
    return wrong


def records(store: Path, trials: Mapping[str, set[int]], planned: int | None, interrupted: int) -> list[str]:
    """What is wrong with the records of runs, as they lie there; see `_sums` for `interrupted`."""
    wrong: list[str] = []
    for folder in sorted((store / "runs").glob("*")) if (store / "runs").is_dir() else ():
        try:
            if (folder / PAIRS_NAME).exists():
                list(read_pairs(folder))
            if (folder / LOG_NAME).exists() and (folder / LOG_NAME).stat().st_size:
                history = History()
                for event in read_events(folder):
                    history.add(event)
                if (folder / SPEC_NAME).exists():
                    read_spec(folder)
                if planned is not None:
                    wrong += _sums(Counter(history.outcomes), trials, planned, interrupted)
        except (OSError, FlakeproofError, msgspec.DecodeError, ValueError) as error:
            wrong.append(f"record not readable: {folder.name}: {type(error).__name__}: {error}")
    return wrong


def _sums(outcomes: Counter[str], trials: Mapping[str, set[int]], planned: int, interrupted: int) -> list[str]:
    """Counts of a record that what the trials say themselves contradicts.

    As many trials as `interrupted` may have failed without a word: SIGINT raises KeyboardInterrupt in them.
    """
    told = {name: sum(count for outcome, count in outcomes.items() if str(outcome) == name) for name in _OUTCOMES}
    wrong = []
    if sum(told.values()) > planned:
        wrong.append(f"counted too many: {sum(told.values())} of {planned}")
    if told["passed"] > len(trials["passed"]):
        wrong.append(f"counted as passed {told['passed']}, have passed {len(trials['passed'])}")
    if told["failed"] > len(trials["failed"]) + interrupted:
        wrong.append(f"counted as failed {told['failed']}, have failed {len(trials['failed'])}")
    return wrong


_OUTCOMES = ("passed", "failed", "timed out", "crashed", "skipped", "lost", "leaked")


def report(place: Path, status: int, trials: Mapping[str, set[int]], planned: int, interrupted: int) -> list[str]:
    """What is wrong with the JSON report of a run that ended with `status` (negative: a signal); see `_sums`."""
    if status not in _REPORTED:
        return []
    try:
        document = json.loads(place.read_bytes())
    except FileNotFoundError:
        return [] if status in (3, 5) else [f"no report: exit {status}"]
    except ValueError as error:
        return [f"report not readable: {error}"]
    outcomes = Counter(document["outcomes"])
    wrong = _sums(outcomes, trials, planned, interrupted)
    if sum(outcomes.values()) != document["total"]:
        wrong.append(f"report does not add up: {outcomes} and {document['total']}")
    if document["stopped"] is None and document["total"] != planned:
        wrong.append(f"trials lost: {document['total']} of {planned}")
    ended_early = outcomes["crashed"] + outcomes["timed out"] + outcomes["lost"]  # maybe before they wrote anything
    if document["stopped"] is None and len(trials["begun"]) + ended_early < planned:
        wrong.append(f"trials never begun: {planned - ended_early - len(trials['begun'])}")
    unlucky = planned // FAILING
    missed = unlucky - outcomes["failed"] - ended_early
    if document["stopped"] is None and missed > 0:
        wrong.append(f"failures lost: {missed} of {unlucky}")
    return wrong


def from_record(project: Path, environment: Mapping[str, str]) -> list[str]:
    """Have the report written again from the record, where there is one; what is wrong with that."""
    latest = project / ".flakeproof" / "latest"
    if not (latest / SPEC_NAME).exists() and not _has_begun(latest / PAIRS_NAME):
        return []  # nothing was recorded, or the run was killed before it had written down what it is
    words = [sys.executable, "-m", "flakeproof", "report", "latest", "--json", "again.json"]
    done = subprocess.run(
        words, cwd=project, env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    if done.returncode in (2, 3) or not (project / "again.json").exists():
        return [f"not reportable: exit {done.returncode}: {done.stderr[-300:]}"]
    return []


def _has_begun(pairs: Path) -> bool:
    """Whether the record of a comparison says what is compared."""
    return pairs.exists() and b"\n" in pairs.read_bytes()
