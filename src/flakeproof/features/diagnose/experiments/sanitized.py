"""Where the flake is most frequent, once more, watched by the sanitizers."""

from collections.abc import Sequence

from flakeproof.features.diagnose.experiment_runner import Arm, Laboratory, changed
from flakeproof.features.diagnose.experiments.names import ALONE, COMPANY, GIVEN, PARALLEL, SANITIZED, SHARED, SHUFFLED
from flakeproof.model import CommandTarget, Sanitize
from flakeproof.results.sanitizer_findings import SightingSummary

_CANDIDATES = (SHARED, GIVEN, SHUFFLED, COMPANY, ALONE, PARALLEL)
"""Of those with the same rate, the first: the more is shared, the more there is to be seen."""
_SHARE = 0.1
_COUNT = 300


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
