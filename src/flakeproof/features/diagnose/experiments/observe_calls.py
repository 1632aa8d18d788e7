"""A trial or two that failed, once more, with an eye on what they call."""

import linecache
from pathlib import Path

import msgspec

from flakeproof.engine.temporary_folders import temporary_root
from flakeproof.features.diagnose.experiment_runner import Laboratory, changed
from flakeproof.features.diagnose.experiments.alone import alone_spec
from flakeproof.features.diagnose.experiments.names import ALONE
from flakeproof.features.diagnose.observed_calls import Call, Witnessed, examine
from flakeproof.features.diagnose.outcomes import Seen, Tally
from flakeproof.model import CommandTarget

_TRIALS = 3
_SHARE = 0.05


def watch(laboratory: Laboratory) -> Witnessed:
    """The lines near the failure that do what may differ from run to run; nothing where that cannot be seen."""
    flake = laboratory.flake
    if flake is None or isinstance(laboratory.given.target, CommandTarget):
        return Witnessed()
    seen = _failures(laboratory)
    by_hash_seed: dict[str, list[int]] = {}
    for one in seen:
        by_hash_seed.setdefault(one.hash_seed, []).append(one.failure.trial)
    calls: list[Call] = []
    with temporary_root() as folder:
        for hash_seed, trials in by_hash_seed.items():
            environment = {"PYTHONHASHSEED": hash_seed} if hash_seed else {}
            spec = changed(alone_spec(laboratory.given), environment=environment, watched=folder)
            laboratory.run(Tally(), spec, seconds=laboratory.budget.share(_SHARE), chosen=list(dict.fromkeys(trials)))
        for path in sorted(Path(folder).glob("*.json")):
            calls += msgspec.json.decode(path.read_bytes(), type=list[Call])
    return examine(calls, flake, lambda file: "".join(linecache.getlines(file)))


def _failures(laboratory: Laboratory) -> list[Seen]:
    """Some that came up alone, else wherever they did."""
    names = [ALONE, *(name for name in laboratory.arms if name != ALONE)]
    for name in names:
        if found := list(laboratory.tally(name).failures(laboratory.flake))[:_TRIALS]:
            return found
    return []
