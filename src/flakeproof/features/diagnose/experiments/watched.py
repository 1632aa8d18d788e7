"""Trials once more, watched: by the sanitizers where the flake is most frequent, or with an eye on what they call."""

import linecache
from collections.abc import Sequence
from pathlib import Path

import msgspec

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.features.diagnose.evidence import ALONE, COMPANY, GIVEN, PARALLEL, SANITIZED, SHARED, SHUFFLED
from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory, changed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.observed_calls import Call, Witnessed, examine
from flakeproof.features.diagnose.outcomes import Seen, Tally
from flakeproof.model import CommandTarget, RunSpec, Sanitize
from flakeproof.results.sanitizer_findings import SightingSummary

_CANDIDATES = (SHARED, GIVEN, SHUFFLED, COMPANY, ALONE, PARALLEL)
"""Of those with the same rate, the first: the more is shared, the more there is to be seen."""
_SHARE = 0.1
_COUNT = 300
_TRIALS = 3
_CALLS_SHARE = 0.05
_SLOWER = 4.0


def run_sanitized(laboratory: Laboratory) -> Sequence[SightingSummary]:
    """What the sanitizers have seen; nothing where they cannot watch."""
    source = _source(laboratory)
    if source is None or isinstance(laboratory.given.target, CommandTarget):
        return ()
    spec = source.tally.spec
    assert spec is not None
    setting = f"{source.setting}, watched by the sanitizers"
    with laboratory.experiment(SANITIZED, setting, item=source.tally.item) as tally:
        own = changed(spec, sanitize=Sanitize(names=["descriptors", "leaks"]), first_process=0)
        return laboratory.run(tally, own, seconds=laboratory.budget.share(_SHARE), count=_COUNT).sightings


def _source(laboratory: Laboratory) -> Arm | None:
    """The experiment in which the flake was most frequent, as far as its interval goes."""
    made = [laboratory.arms[name] for name in _CANDIDATES if name in laboratory.arms]
    made = [arm for arm in made if arm.tally.spec is not None]
    if laboratory.flake is None:
        return next(iter(made), None)
    return max(made, key=lambda arm: arm.tally.failed(laboratory.flake) / max(1, arm.tally.trials), default=None)


def watch(laboratory: Laboratory) -> Witnessed:
    """The lines near the failure that do what may differ from run to run; nothing where that cannot be seen.

    While nothing has failed, what a trial that passes does: it tells what is worth trying.
    """
    flake = laboratory.flake
    if isinstance(laboratory.given.target, CommandTarget):
        return Witnessed()
    seen = _failures(laboratory) if flake is not None else []
    by_hash_seed: dict[str, list[int]] = {}
    for one in seen:
        by_hash_seed.setdefault(one.hash_seed, []).append(one.failure.trial)
    calls: list[Call] = []
    with temporary_root() as folder:
        if flake is None:
            spec = changed(_unhurried(laboratory.given), watched=folder)
            laboratory.run(Tally(), spec, seconds=laboratory.budget.share(_CALLS_SHARE), count=1)
        for hash_seed, trials in by_hash_seed.items():
            environment = {"PYTHONHASHSEED": hash_seed} if hash_seed else {}
            spec = changed(_unhurried(laboratory.given), environment=environment, watched=folder)
            laboratory.run(
                Tally(), spec, seconds=laboratory.budget.share(_CALLS_SHARE), chosen=list(dict.fromkeys(trials))
            )
        for path in sorted(Path(folder).glob("*.json")):
            calls += msgspec.json.decode(path.read_bytes(), type=list[Call])
    return examine(calls, flake, lambda file: "".join(linecache.getlines(file)))


def _unhurried(given: RunSpec) -> RunSpec:
    """Alone, with a time limit that fits: who is watched takes several times as long, above all to fail."""
    limit = None if given.timeout is None else _SLOWER * given.timeout
    return changed(alone_spec(given), timeout=limit)


def _failures(laboratory: Laboratory) -> list[Seen]:
    """Some that came up alone, else wherever they did."""
    names = [ALONE, *(name for name in laboratory.arms if name != ALONE)]
    for name in names:
        if found := list(laboratory.tally(name).failures(laboratory.flake))[:_TRIALS]:
            return found
    return []
