"""A test of pytest among others: in the order of collection, in orders drawn for each pass, pass after pass."""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from flakeproof.features.diagnose.evidence import ALONE, COMPANY, SHARED, SHUFFLED
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.outcomes import Tally
from flakeproof.model import Isolation, PytestTarget

_SHARE = 0.06
_SELECTING = ("-k", "-m")
_LEAST_TIMEOUT = 10.0
_LEAST_PROCESSES = 2


@dataclass(frozen=True)
class _Way:
    """A way of running tests among each other."""

    name: str
    words: str
    isolation: Isolation
    shuffle: bool
    processes: int
    """One after the other."""
    count: int
    """Passes in each."""


_WAYS = (
    _Way(COMPANY, "in the order of collection, each pass in a fork", Isolation.FORK, False, 4, 15),
    _Way(SHUFFLED, "in orders drawn for each pass, each in a fork", Isolation.FORK, True, 4, 25),
    _Way(SHARED, "pass after pass in one process", Isolation.SHARED, False, 2, 500),
)


def victim_of(laboratory: Laboratory) -> str:
    """Id of the one test of pytest that the target is; "" if it is something else."""
    items = laboratory.tally(ALONE).items
    return items[0] if len(items) == 1 else ""


def narrow(laboratory: Laboratory) -> bool:
    """Where the target is several tests, find the one that fails most often, and make it the target.

    False if none failed.
    """
    target = laboratory.given.target
    assert isinstance(target, PytestTarget)
    seen = laboratory.flake  # as it was given
    _run_among(laboratory, target, "among these tests", seen.example.item if seen is not None else "")
    flake = laboratory.flake
    if flake is None or flake.example.item not in laboratory.tally(COMPANY).items:
        return False
    own = msgspec.structs.replace(target, arguments=[flake.example.item], name=flake.example.item)
    laboratory.given = changed(laboratory.given, target=own)
    return True


def run_company(laboratory: Laboratory, within: list[str]) -> bool:
    """Passes over the tests `within` which the target is, by default over those of its folder.

    False if there are no others.
    """
    victim = victim_of(laboratory)
    target = laboratory.given.target
    assert isinstance(target, PytestTarget)
    paths = within or [str(Path(target.arguments[0].partition("::")[0]).parent) if target.arguments else "."]
    own = msgspec.structs.replace(target, arguments=paths, options=_unselected(target.options))
    where = f"among the tests of {', '.join(paths)}"
    probe = Tally()
    laboratory.run(probe, changed(alone_spec(laboratory.given), target=own), seconds=1.0, count=1)
    if victim not in probe.items:
        laboratory.notes.append(f"{victim} was not found {where}: name its company with --in")
        return False
    if len(probe.items) > 1:
        _run_among(laboratory, own, where, victim)
    return len(probe.items) > 1


def _run_among(laboratory: Laboratory, target: PytestTarget, where: str, victim: str) -> None:
    for way in _WAYS:
        own = msgspec.structs.replace(target, shuffle=way.shuffle)
        seconds = laboratory.budget.share(_SHARE)
        timeout = max(seconds, _LEAST_TIMEOUT, laboratory.given.timeout or 0.0)
        spec = changed(alone_spec(laboratory.given), target=own, isolation=way.isolation, timeout=timeout)
        with laboratory.experiment(way.name, f"{where}, {way.words}", against=ALONE, item=victim) as tally:
            processes = laboratory.processes(_SHARE, way.processes, _LEAST_PROCESSES)
            count = way.count * way.processes // processes
            for number in range(processes):
                own_spec = changed(spec, first_process=number)
                laboratory.run(tally, own_spec, seconds=seconds / processes, count=count)
        if not victim and laboratory.flake is not None:
            victim = laboratory.flake.example.item
            tally.restrict(victim)
    if victim:
        for way in _WAYS:
            laboratory.tally(way.name).restrict(victim)


def _unselected(options: list[str]) -> list[str]:
    """Options of pytest without those that select by name or marker: the others are wanted here."""
    kept: list[str] = []
    skip = False
    for word in options:
        if not skip and word not in _SELECTING:
            kept.append(word)
        skip = not skip and word in _SELECTING
    return kept
